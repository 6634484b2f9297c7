"""Somebody who looks at runs, be it through GraphQL or another view."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Hashable
from contextlib import aclosing, closing
from datetime import timedelta
from inspect import isawaitable
from typing import Any

import strawberry

from ..config import MAX_ID
from ..errors import TaskNotFoundError, TaskUnreadableError, UnauthenticatedError
from ..policy import Viewer
from ..snapshot import Snapshot
from ..starter import certain
from .places import Place
from .registry import Registry, off_loop, registry_of
from .unsent import Unsent


class Visit:
    """One operation on runs.

    Attributes:
        registry: Whose runs.
        viewer: Who asks; found out anew while a stream lasts.
        unsent: What the streams of this connection have in hand.
    """

    __slots__ = ("_connection", "_context", "registry", "unsent", "viewer")

    def __init__(self, registry: Registry, viewer: Viewer, context: object) -> None:
        self.registry = registry
        self.viewer = viewer
        self._context = context
        # Strawberry has one context for all operations of a websocket, and each stream holds it.
        self._connection = id(self if context is None else context)
        self.unsent = registry.unsent.setdefault(self._connection, Unsent())

    async def find(self, run_id: str) -> Snapshot | None:
        """Return a run's present state; ``None`` if there is no such run for this viewer.

        Raises:
            TaskUnreadableError: If its record cannot be read, and it is the viewer's as far as can be told.
        """
        if len(run_id) > MAX_ID:
            return None
        runtime = self.registry.runtime()
        try:
            run = await off_loop(runtime, runtime.find, run_id)
        except TaskUnreadableError as error:
            if not self._may_know(error):
                return None
            raise
        if run is None or self._may_see(run):
            return run
        # As long as it takes to find nothing, so that the time does not tell that there is something.
        await off_loop(runtime, runtime.find_absent, run_id)
        return None

    async def get(self, run_id: str) -> Snapshot:
        """Return a run's present state.

        Raises:
            TaskNotFoundError: If there is no such run for this viewer.
        """
        run = await self.find(run_id)
        if run is None:
            raise TaskNotFoundError(run_id)
        return run

    def watch(
        self, run: Snapshot, *, after: int | None = None, pulse: timedelta | None = None
    ) -> AsyncGenerator[Snapshot | None, None]:
        """Iterate over the states of a run that was found, for as long as the viewer may see it; ``None`` where nothing is new.

        Args:
            run: The run.
            after: Skip states up to this version.
            pulse: How often to yield at least; only the recheck's interval counts if that is shorter.

        Raises:
            TooManySubscriptionsError: At once, if the viewer has too many.
            TaskNotFoundError: Once the viewer may not see it any more.
            UnauthenticatedError: Once the viewer is nobody any more.
        """
        return self._watch(run, after, pulse, self.registry.places.take(self._reader))

    async def _watch(
        self, run: Snapshot, after: int | None, pulse: timedelta | None, place: Place
    ) -> AsyncGenerator[Snapshot | None, None]:
        every = self.registry.recheck
        pulse = every if pulse is None else min(pulse, every)
        seen, beats = run, 0
        hub = self.registry.runtime().hub
        states = hub.pulsing_run(run.id, after=after, pulse=pulse, reader=self._reader)
        with closing(place):
            async with aclosing(states):
                async for state in states:
                    if state is None:
                        beats += 1
                        if beats % (every // pulse) == 0:
                            await self.recheck()
                    seen = state or seen
                    if not self._may_see(seen):
                        raise TaskNotFoundError(run.id)
                    yield state

    def watch_all(self) -> AsyncGenerator[Snapshot, None]:
        """Iterate over every change from now on of the runs that the viewer may list.

        Raises:
            TooManySubscriptionsError: At once, if the viewer has too many.
            UnauthenticatedError: Once they are not the viewer's to list any more.
        """
        return self._watch_all(self.registry.places.take(self._reader))

    async def _watch_all(self, place: Place) -> AsyncGenerator[Snapshot, None]:
        policy = self.registry.policy
        owner = policy.listed_owner(self.viewer)
        hub = self.registry.runtime().hub
        states = hub.pulsing_all(owner, pulse=self.registry.recheck, reader=self._reader)
        with closing(place):
            async with aclosing(states):
                async for state in states:
                    if state is None:
                        await self.recheck()
                        if not self.may_list or policy.listed_owner(self.viewer) != owner:
                            raise UnauthenticatedError
                    elif self._may_see(state):
                        yield state

    @property
    def _reader(self) -> Hashable:
        return self._connection if self.viewer.id is None else self.viewer.id

    @property
    def may_list(self) -> bool:
        """Whether there is any run that the viewer may list."""
        return self.registry.policy.may_list(self.viewer)

    async def recheck(self) -> None:
        """Ask the policy who this is by now.

        Raises:
            UnauthenticatedError: If it is not who it was.
        """
        viewer = await _awaited(self.registry.policy.recheck(self._context))
        if self.viewer.id not in {None, viewer.id}:
            raise UnauthenticatedError
        self.viewer = viewer

    def _may_know(self, error: TaskUnreadableError) -> bool:
        try:
            return error.legible is not None and self._may_see(error.legible)
        except Exception:  # noqa: BLE001 - what a policy goes by may be what cannot be read
            return False

    def _may_see(self, run: Snapshot) -> bool:
        return self.registry.policy.may_see(self.viewer, run)


async def begin(registry: Registry, context: object) -> Visit:
    """Ask the policy who comes.

    Args:
        registry: To whose runs.
        context: The GraphQL context, or what another view has like it.
    """
    return Visit(registry, await _awaited(registry.policy.viewer(context)), context)


async def visit(info: strawberry.Info[Any, Any]) -> Visit:
    """Tell which tasks an operation is about, and who asks."""
    return await begin(registry_of(info), info.context)


async def _awaited(viewer: Viewer | Awaitable[Viewer]) -> Viewer:
    return certain(await viewer if isawaitable(viewer) else viewer)
