"""Lets a field's extensions see the handle, however they are written and the operation is executed."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import Future
from inspect import isawaitable
from typing import Any

import strawberry
from strawberry.extensions import FieldExtension
from strawberry.extensions.field_extension import SyncExtensionResolver
from strawberry.types.field import StrawberryField

from ..surroundings import Surroundings
from .registry import in_event_loop, registry_of


class AwaitForAll(FieldExtension):
    """Stands last among a field's extensions, and puts `AwaitFor` around each of the others.

    A task's resolver is a plain function that returns an awaitable where an event loop runs. Strawberry takes it for a sync one,
    and would give that awaitable to the extensions in place of the handle.
    """

    def apply(self, field: StrawberryField) -> None:
        """Wrap what the field has by now: others may have added some. A field may go into several schemas."""
        for place, extension in enumerate(field.extensions):
            if _takes_part(extension):
                field.extensions[place] = AwaitFor(extension)

    # Positional names, so that an argument of the task may have any name.
    def resolve(  # type: ignore[override]
        self, next_: SyncExtensionResolver, source: Any, info: strawberry.Info[Any, Any], /, **kwargs: Any
    ) -> Any:
        """Pass on; graphql-core awaits."""
        return next_(source, info, **kwargs)


class AwaitFor(FieldExtension):
    """Calls an extension so that what it gets from `next_` is the handle, or raises what went wrong.

    On an event loop its `resolve_async` is called. An extension that has none runs in a thread of its own, which waits for the rest.
    """

    def __init__(self, extension: FieldExtension) -> None:
        self._extension = extension

    def apply(self, field: StrawberryField) -> None:
        """Leave it to the extension."""
        self._extension.apply(field)

    def map_arguments(self, kwargs: dict[str, Any]) -> dict[str, Any]:
        """Leave it to the extension."""
        return self._extension.map_arguments(kwargs)

    def resolve(  # type: ignore[override]
        self, next_: SyncExtensionResolver, source: Any, info: strawberry.Info[Any, Any], /, **kwargs: Any
    ) -> Any:
        """Call the extension, or return an awaitable of what it returns where an event loop runs."""
        extension = self._extension
        if in_event_loop():
            return _settled(self._resolve_on_loop(next_, source, info, **kwargs))
        return (extension.resolve if extension.supports_sync else extension.resolve_async)(
            next_, source, info, **kwargs
        )

    async def _resolve_on_loop(
        self, next_: SyncExtensionResolver, source: Any, info: strawberry.Info[Any, Any], /, **kwargs: Any
    ) -> Any:
        async def wait(*args: Any, **kwargs: Any) -> Any:
            return await _settled(next_(*args, **kwargs))

        if self._extension.supports_async:
            return await self._extension.resolve_async(wait, source, info, **kwargs)
        loop = asyncio.get_running_loop()

        def block(*args: Any, **kwargs: Any) -> Any:
            return asyncio.run_coroutine_threadsafe(wait(*args, **kwargs), loop).result()

        surroundings = registry_of(info).runtime().surroundings
        return await _in_thread(surroundings, lambda: self._extension.resolve(block, source, info, **kwargs))


def _takes_part(extension: FieldExtension) -> bool:
    return not isinstance(extension, AwaitFor | AwaitForAll) and (extension.supports_sync or extension.supports_async)


async def _settled(value: Any) -> Any:
    while isawaitable(value):
        value = await value
    return value


async def _in_thread(surroundings: Surroundings, function: Callable[[], Any]) -> Any:
    """Call a function that waits for this event loop; threads of a pool might all wait for one that is not there."""
    context, called = contextvars.copy_context(), Future[Any]()
    called.set_running_or_notify_cancel()

    def call() -> None:
        try:
            with surroundings.in_thread():
                called.set_result(context.run(function))
        except BaseException as error:  # noqa: BLE001 - raised where it is awaited
            called.set_exception(error)

    threading.Thread(target=call, name="strawberry-tasks-extension", daemon=True).start()
    return await asyncio.wrap_future(called)
