"""Tells what a module that is being executed has still to define, or defines again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from types import CodeType, FrameType
from typing import Any


def is_being_defined(namespace: Mapping[str, Any]) -> bool:
    """Tell whether the module with this namespace is being executed, so that more may come into it."""
    return any(frame.f_globals is namespace and _is_module_code(frame) for frame in _frames())


def is_redefined(former: Callable[..., Any], function: Callable[..., Any]) -> bool:
    """Tell whether a function is another one's later version: of a reloaded module, or a notebook's cell.

    Two that one piece of code defines side by side are two, and so are those that a function makes with values of its own.
    """
    before, after = inspect.unwrap(former), inspect.unwrap(function)
    if (before.__module__, before.__qualname__) != (after.__module__, after.__qualname__):
        return False
    if before is after:
        return True
    return getattr(after, "__closure__", None) is None and not _stand_together(_code(before), _code(after))


def _stand_together(before: CodeType | None, after: CodeType | None) -> bool:
    if before is after:
        return False
    return any(_defines(frame.f_code, before) and _defines(frame.f_code, after) for frame in _frames())


def _defines(code: CodeType, inner: CodeType | None) -> bool:
    return any(constant is inner for constant in code.co_consts)


def _code(function: Callable[..., Any]) -> CodeType | None:
    return getattr(function, "__code__", None)


def _is_module_code(frame: FrameType) -> bool:
    return not frame.f_code.co_flags & inspect.CO_OPTIMIZED


def _frames() -> Iterator[FrameType]:
    frame = inspect.currentframe()
    while frame is not None:
        yield frame
        frame = frame.f_back
