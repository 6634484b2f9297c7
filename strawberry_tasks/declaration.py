"""Reads a task's function: what its runs carry, and how it is called."""

from __future__ import annotations

import inspect
import json
import logging
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from typing import Any, Final, Protocol

from .codec import Codec, input_codec, output_codec
from .codec.shape import Files
from .config import check_name
from .context import InfoContext, TaskContext
from .errors import StrawberryTasksError, TaskDeclarationError, TaskInputError, ValueEncodingError
from .injection import injected_parameters
from .policy import Viewer
from .redefinition import is_being_defined, is_redefined
from .snapshot import JSON
from .uploads import OpenUploads, Uploads

logger = logging.getLogger(__name__)

# `json.dumps` would make one for each call.
_encode: Final = json.JSONEncoder(separators=(",", ":")).encode


class Declared(Protocol):
    """What is needed of a task."""

    @property
    def function(self) -> Callable[..., Any]:
        """Its function."""


class Parameter:
    """A parameter that a run carries a value for.

    Attributes:
        name: Its name.
        default: The function's default, `inspect.Parameter.empty` if it has none.
    """

    def __init__(self, name: str, default: Any, make_codec: Callable[[], Codec]) -> None:
        self.name = name
        self.default = default
        self._make_codec = make_codec

    @cached_property
    def codec(self) -> Codec:
        """Turns its values into JSON and back.

        Raises:
            TaskDeclarationError: If they cannot cross, or a name in the annotation is not defined yet.
        """
        return self._make_codec()


class Declaration:
    """A function, taken as a task.

    Names in its annotations that its module has not defined yet, while it is executed, are looked up when they are needed: `finish`.

    Args:
        function: Sync or async. Its parameters and result have types that Strawberry knows.
        name: The task's name, for messages.
        scalar_map: Custom scalars, as in `StrawberryConfig`.

    Attributes:
        is_finished: Whether all annotations have been read.

    Raises:
        TaskDeclarationError: If a parameter or the result cannot cross between processes; names it.
    """

    def __init__(self, function: Callable[..., Any], *, name: str, scalar_map: Mapping[object, Any]) -> None:
        self.function = function
        self.name = name
        self.is_async = inspect.iscoroutinefunction(function)
        self.description = inspect.getdoc(function)
        self._signature = inspect.signature(function)
        self._scalar_map = scalar_map
        self.is_finished = False
        self._injected = injected_parameters(self._signature, self._namespace, is_input=self._is_input)
        self._check_kinds()
        self.parameters = {
            parameter.name: Parameter(parameter.name, parameter.default, partial(self._input_codec, parameter))
            for parameter in self._signature.parameters.values()
            if parameter.name not in self._injected
        }
        try:
            self.finish()
        except TaskDeclarationError as error:
            if not (isinstance(error.__cause__, NameError) and is_being_defined(self._namespace)):
                raise

    def finish(self) -> None:
        """Read all annotations.

        Raises:
            TaskDeclarationError: If a parameter or the result cannot cross, or a name is still not defined.
        """
        if not self.is_finished:
            for parameter in self.parameters.values():
                _ = parameter.codec
            _ = self.result
            self.is_finished = True

    @cached_property
    def result(self) -> Codec:
        """Turns what the function returns into JSON and back.

        Raises:
            TaskDeclarationError: If it cannot cross, or a name in the annotation is not defined yet.
        """
        return output_codec(
            self._signature.return_annotation,
            where=f"task {self.name!r}, result",
            namespace=self._namespace,
            scalar_map=self._scalar_map,
        )

    def dump_arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any], uploads: Uploads) -> str:
        """Encode the arguments of a call.

        Raises:
            TaskInputError: If they do not fit; names the parameter.
        """
        given = self._bound(args, kwargs).arguments
        dumped: dict[str, JSON] = {}
        try:
            for name, value in given.items():
                dumped[name] = self._dump(name, value, uploads)
        except BaseException:
            self._drop_quietly(json.dumps(dumped), uploads)
            raise
        return _encode(dumped)

    def _drop_quietly(self, arguments: str, uploads: Uploads) -> None:
        try:
            self.drop_uploads(arguments, uploads)
        except Exception:
            logger.exception("A run of %s was not started, but its uploads could not be removed.", self.name)

    def call_arguments(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Return the arguments of a call by name, those left out with their defaults.

        Raises:
            TaskInputError: If they do not fit.
        """
        bound = self._bound(args, kwargs)
        bound.apply_defaults()
        return bound.arguments

    def load_arguments(self, arguments: str, uploads: Files) -> dict[str, Any]:
        """Decode the arguments of a run."""
        return {name: self.parameters[name].codec.load(data, uploads) for name, data in json.loads(arguments).items()}

    def check_arguments(self, arguments: Mapping[str, JSON], uploads: Files) -> dict[str, Any]:
        """Decode arguments that may not be those of a run.

        Raises:
            TaskInputError: If they do not fit; names the parameter.
        """
        self._bound((), arguments)
        try:
            return self.load_arguments(json.dumps(dict(arguments)), uploads)
        except StrawberryTasksError as error:
            raise TaskInputError(str(error)) from error

    def bind(
        self, arguments: str, context: TaskContext, uploads: Uploads, load_user: Callable[[Viewer], object]
    ) -> Callable[[], Any]:
        """Decode the arguments of a run, and return the call that remains; it closes the files that are opened here."""
        files = OpenUploads(uploads)
        try:
            values = self.load_arguments(arguments, files)
            if missing := self._required - values.keys():
                raise ValueEncodingError(f"task {self.name!r}: expected a value for {min(missing)!r}, got none.")
        except BaseException:
            files.close()
            raise
        for name, injected in self._injected.items():
            values[name] = injected.value(context, partial(InfoContext, context, load_user, now=self.is_async))
        return partial(_await_and_close if self.is_async else _call_and_close, self.function, values, files)

    def drop_uploads(self, arguments: str, uploads: Uploads) -> None:
        """Delete the files that dumped arguments refer to."""
        for key in self.uploads(arguments):
            uploads.delete(key)

    def uploads(self, arguments: str) -> list[str]:
        """Return the keys of the files that dumped arguments refer to."""
        values = json.loads(arguments).items()
        return [key for name, data in values for key in self.parameters[name].codec.uploads(data)]

    @cached_property
    def _namespace(self) -> Mapping[str, Any]:
        namespace: Mapping[str, Any] = getattr(inspect.unwrap(self.function), "__globals__", {})
        return namespace

    @cached_property
    def _call_signature(self) -> inspect.Signature:
        own = [p for p in self._signature.parameters.values() if p.name not in self._injected]
        return self._signature.replace(parameters=own)

    @cached_property
    def _required(self) -> frozenset[str]:
        parameters = self._call_signature.parameters.values()
        return frozenset(p.name for p in parameters if p.default is p.empty)

    def _input_codec(self, parameter: inspect.Parameter) -> Codec:
        return input_codec(
            parameter.annotation,
            where=f"task {self.name!r}, parameter {parameter.name!r}",
            namespace=self._namespace,
            scalar_map=self._scalar_map,
        )

    def _is_input(self, parameter: inspect.Parameter) -> bool:
        try:
            self._input_codec(parameter)
        except TaskDeclarationError:
            return False
        return True

    def _bound(self, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> inspect.BoundArguments:
        try:
            return self._call_signature.bind(*args, **kwargs)
        except TypeError as error:
            raise TaskInputError(f"task {self.name!r}: {error}.") from error

    def _dump(self, name: str, value: object, uploads: Uploads) -> JSON:
        try:
            return self.parameters[name].codec.dump(value, uploads)
        except ValueEncodingError as error:
            raise TaskInputError(str(error)) from error

    def _check_kinds(self) -> None:
        for parameter in self._signature.parameters.values():
            if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
                raise TaskDeclarationError(
                    f"task {self.name!r}, parameter {parameter.name!r}: expected a parameter with a name of its own, "
                    f"got {parameter}. GraphQL has only named arguments; declare each one."
                )


def declare(
    function: Callable[..., Any], *, name: str | None, scalar_map: Mapping[object, Any], taken: Mapping[str, Declared]
) -> Declaration:
    """Take a function as a task.

    Args:
        function: See `Declaration`.
        name: The task's name; by default the function's in camelCase.
        scalar_map: See `Declaration`.
        taken: The tasks that there are, by name. One whose module or cell is executed again gives way to what it has become.

    Raises:
        ConfigurationError: If it cannot have this name.
        TaskDeclarationError: If it is no function, another task has the name, or a parameter or the result cannot cross.
    """
    if not inspect.isroutine(function):
        raise TaskDeclarationError(f"expected a function to make a task of, got {function!r}.")
    if name is None:
        name = _camel_case(function.__name__)
    check_name("name", name)
    if name in taken and not is_redefined(taken[name].function, function):
        raise TaskDeclarationError(
            f"task {name!r}: expected a name of its own, but {taken[name].function.__qualname__} has it already."
        )
    return Declaration(function, name=name, scalar_map=scalar_map)


def _call_and_close(function: Callable[..., Any], values: Mapping[str, Any], files: OpenUploads) -> Any:
    with files:
        return function(**values)


async def _await_and_close(function: Callable[..., Any], values: Mapping[str, Any], files: OpenUploads) -> Any:
    with files:
        return await function(**values)


def _camel_case(name: str) -> str:
    first, *rest = name.strip("_").split("_")
    return first + "".join(word[:1].upper() + word[1:] for word in rest)
