"""Finds the `Tasks` that a command is about."""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from collections.abc import Callable, Iterable
from difflib import get_close_matches
from importlib.util import find_spec
from pathlib import Path
from pkgutil import iter_modules
from types import ModuleType
from typing import Any, Final, NamedTuple

import click

from ..app import Tasks


class App(NamedTuple):
    """Some tasks, and where they were found."""

    path: str
    """The module and the attribute, e.g. ``myapp.tasks:tasks``."""

    tasks: Tasks


class AppNotFoundError(Exception):
    """There is no such `Tasks`; the message says what was looked for, and what was found."""


def _read_app(context: click.Context, parameter: click.Parameter, value: str) -> App | None:
    if context.resilient_parsing:  # A shell asks how the line may go on.
        return None
    try:
        return find_app(value)
    except AppNotFoundError as error:
        raise click.BadParameter(str(error), context, parameter) from error


app_argument: Final[Callable[[Any], Any]] = click.argument("app", callback=_read_app, metavar="APP")
"""The argument that every command has first."""


def find_app(path: str) -> App:
    """Import a module and return its `Tasks`; the current directory is looked through first.

    With ``DJANGO_SETTINGS_MODULE`` in the environment, Django is set up before that.

    Args:
        path: ``module:attribute``, or the module alone if it has exactly one `Tasks`.

    Raises:
        AppNotFoundError: If there is none.
    """
    if str(Path.cwd()) not in sys.path and "" not in sys.path:
        sys.path.insert(0, str(Path.cwd()))
    module_name, _, attribute = path.partition(":")
    if not module_name or module_name.startswith("."):
        raise AppNotFoundError(f"expected module:attribute, such as myapp.tasks:tasks, got {path!r}.")
    _set_up_django()
    module = _import(module_name)
    found = _tasks_in(module)
    if attribute:
        return App(path, _attribute(module, attribute, found))
    if not found:
        django = (
            " In a Django project it is strawberry_tasks.django." if os.environ.get("DJANGO_SETTINGS_MODULE") else ""
        )
        raise AppNotFoundError(f"expected a Tasks in the module {module_name!r}, found none there.{django}")
    if len(found) != 1:
        raise AppNotFoundError(
            f"expected one Tasks in the module {module_name!r}, found {_listed(found)}. "
            f"Name it: {module_name}:{next(iter(found), 'tasks')}"
        )
    ((name, tasks),) = found.items()
    return App(f"{module_name}:{name}", tasks)


def _set_up_django() -> None:
    if not os.environ.get("DJANGO_SETTINGS_MODULE"):
        return
    if find_spec("django") is None:
        raise AppNotFoundError(
            "DJANGO_SETTINGS_MODULE is set, and Django is not installed. Unset it, or install Django."
        )
    import django  # noqa: PLC0415 - optional

    try:
        django.setup()
    except Exception as error:
        raise AppNotFoundError(f"Django could not be set up.\n{_traceback(error)}") from error


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name is None or not (name == error.name or name.startswith(f"{error.name}.")):
            raise AppNotFoundError(f"the module {name!r} could not be imported.\n{_traceback(error)}") from error
        raise AppNotFoundError(_missing(name, error.name)) from error
    except Exception as error:
        raise AppNotFoundError(f"the module {name!r} could not be imported.\n{_traceback(error)}") from error


def _missing(name: str, missing: str) -> str:
    """Say which part of a module's name was not found, and what there is in its place."""
    parent, _, last = missing.rpartition(".")
    if parent:
        place = f"in {parent!r}"
        names = [entry.name for entry in iter_modules(getattr(sys.modules[parent], "__path__", []))]
    else:
        place = f"in {Path.cwd()} or installed"
        names = [entry.name for entry in iter_modules([str(Path.cwd())])]
    return f"looked for the module {name!r}, found no {last!r} {place}. {_similar(last, names)}"


def _attribute(module: ModuleType, attribute: str, found: dict[str, Tasks]) -> Tasks:
    target: object = module
    for part in attribute.split("."):
        try:
            target = getattr(target, part)
        except AttributeError as error:
            near = _similar(part, found)
            raise AppNotFoundError(
                f"looked for {attribute!r} in the module {module.__name__!r}, which has no {part!r}. "
                f"Found {_listed(found)}. {near}".rstrip()
            ) from error
    if not isinstance(target, Tasks):
        raise AppNotFoundError(
            f"expected {module.__name__}:{attribute} to be a Tasks, got {type(target).__name__}. Found {_listed(found)}."
        )
    return target


def _tasks_in(module: ModuleType) -> dict[str, Tasks]:
    """Return each `Tasks` of a module by its first name."""
    found: dict[str, Tasks] = {}
    for name, value in list(vars(module).items()):
        if isinstance(value, Tasks) and all(value is not other for other in found.values()):
            found[name] = value
    return found


def _listed(found: Iterable[str]) -> str:
    return f"the Tasks {', '.join(found)}" if list(found) else "no Tasks there"


def _similar(name: str, names: Iterable[str]) -> str:
    names = sorted(names)
    if near := get_close_matches(name, names):
        return f"Did you mean {' or '.join(repr(one) for one in near)}?"
    return f"There is {', '.join(repr(one) for one in names[:10])}." if names else "There is nothing else."


def _traceback(error: BaseException) -> str:
    return "".join(traceback.format_exception(error)).rstrip()
