"""What the worker fills in: a function's parameters that no client gives a value for."""

from __future__ import annotations

import builtins
import inspect
from collections.abc import Callable, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, ForwardRef, Literal, NamedTuple, Self, TypeAlias, Union, get_args, get_origin

from ._compat import Info, StrawberryParent, info_of, node_type
from .context import InfoContext, TaskContext, TaskInfo

Kind: TypeAlias = Literal["task", "info", "root"]


class Injected(NamedTuple):
    """What a parameter gets that no client gives a value for."""

    kind: Kind
    """The run's context, what stands for a resolver's ``info``, or the root value, which is ``None``."""

    info_class: type = Info
    """Of which class the ``info`` is to be, if of one of the user's own."""

    def value(self, context: TaskContext, info_context: Callable[[], InfoContext]) -> object:
        """Return the value for one attempt."""
        if self.kind == "task":
            return context
        if self.kind == "root":
            return None
        info = TaskInfo(info_context(), NodeTypes())
        return info if self.info_class is Info else info_of(self.info_class, info)


class NodeTypes:
    """Stands where a resolver has ``info.schema``: a worker need not have one, but finds the types of relay's nodes."""

    def get_type_by_name(self, name: str) -> object | None:
        """Return the definition of a node type; ``None`` if there is none of that name."""
        return node_type(name)

    @property
    def _strawberry_schema(self) -> Self:
        return self

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(
            f"info.schema.{name}: a task has no schema; it finds the types of nodes, and nothing else."
        )


def injected_parameters(
    signature: inspect.Signature, namespace: Mapping[str, Any], *, is_input: Callable[[inspect.Parameter], bool]
) -> dict[str, Injected]:
    """Return the parameters that the worker fills in.

    Args:
        signature: The function's.
        namespace: Where the names in its annotations are looked up.
        is_input: Tells whether clients can give a value for a parameter.
    """
    found: dict[str, Injected] = {}
    for position, parameter in enumerate(signature.parameters.values()):
        meant = _meant(parameter.annotation, namespace)
        is_bare = parameter.annotation is parameter.empty
        is_first = position == 0 and parameter.name in {"root", "self"}
        if meant is TaskContext or _is_unknown(meant, "TaskContext"):
            found[parameter.name] = Injected("task")
        elif inspect.isclass(meant) and issubclass(meant, Info):
            found[parameter.name] = Injected("info", meant)
        elif parameter.name == "info" and (is_bare or _is_unknown(meant, "Info")):
            found[parameter.name] = Injected("info")
        elif meant is StrawberryParent or (is_first and (is_bare or not is_input(parameter))):
            found[parameter.name] = Injected("root")
    return found


def _meant(annotation: object, namespace: Mapping[str, Any]) -> object:
    """Return the class that an annotation is about: without ``Annotated``, ``| None``, type arguments and aliases."""
    annotation = _read(annotation, namespace)
    if hasattr(annotation, "__value__"):  # What the `type` statement makes.
        return _meant(annotation.__value__, namespace)
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        extra = next((extra for extra in arguments[1:] if isinstance(extra, StrawberryParent)), None)
        return StrawberryParent if extra is not None else _meant(arguments[0], namespace)
    if origin in {Union, UnionType}:
        members = [member for member in arguments if member is not NoneType]
        return _meant(members[0], namespace) if len(members) == 1 else annotation
    return annotation if origin is None else origin


def _read(annotation: object, namespace: Mapping[str, Any]) -> object:
    if isinstance(annotation, ForwardRef):
        annotation = annotation.__forward_arg__
    if not isinstance(annotation, str):
        return annotation
    try:
        found: object = eval(annotation, {}, _Names(namespace))  # type: ignore[arg-type]  # noqa: S307 - the annotation is the user's own source
        return _read(found, namespace)  # An alias may be a string, too.
    except Exception:  # noqa: BLE001 - the codec tells what is wrong with it.
        return annotation


def _is_unknown(meant: object, name: str) -> bool:
    return isinstance(meant, _Unknown) and meant.name == name


class _Names:
    """The names that an annotation may use; one that is not defined, or only for type checkers, is an `_Unknown`."""

    def __init__(self, namespace: Mapping[str, Any]) -> None:
        self._namespace = namespace

    def __getitem__(self, name: str) -> Any:
        if name in self._namespace:
            return self._namespace[name]
        return getattr(builtins, name) if hasattr(builtins, name) else _Unknown(name)


class _Unknown:
    """Stands for what is known by its name alone. It takes type arguments, and ``| None``, and stays what it is."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __getattr__(self, name: str) -> _Unknown:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Unknown(name)

    def __getitem__(self, _: object) -> _Unknown:
        return self

    def __or__(self, other: object) -> object:
        return self if other is None else _Unknown("")

    __ror__ = __or__

    def __call__(self) -> None:  # `typing` takes nothing but what can be called.
        """Do nothing."""
