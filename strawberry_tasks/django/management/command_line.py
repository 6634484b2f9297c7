"""The commands of `strawberry-tasks`, for the tasks of the project: what Django's commands and these have in common."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from contextlib import nullcontext, redirect_stdout
from typing import Any, ClassVar, Final

from django.core.management.base import BaseCommand, CommandError

from ...cli.exit_codes import ExitCode
from .logged import database_wanted

APP: Final = "strawberry_tasks.django:default_tasks"
"""What `strawberry-tasks` is told to look at."""

TAKEN: Final = {"-h", "-v"}
"""What means something else for every command of Django."""


class CommandLineCommand(BaseCommand):
    """A command of `strawberry-tasks`, with its options and its exit codes; see the reference of the command line."""

    subcommand: ClassVar[str]
    """Its name there."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        """Take the options over."""
        try:
            parameters = self._parameters()
        except ModuleNotFoundError as error:
            if error.name not in {"click", "rich"}:
                raise
            parser.error(f"this command needs the package {error.name!r}. Run: pip install 'strawberry-tasks[cli]'")
        for parameter in parameters:
            if parameter.param_type_name == "argument":
                parser.add_argument(str(parameter.name), metavar=parameter.human_readable_name)
            else:
                names = [name for name in parameter.opts if name not in TAKEN]
                parser.add_argument(*names, **_in_argparse(parameter))

    def handle(self, *args: Any, **options: Any) -> None:
        """Run it."""
        import click  # noqa: PLC0415 - optional

        from ...cli.commands import commands  # noqa: PLC0415 - optional

        words = [self.subcommand, APP, *self._words(options)]
        stream = options.get("stdout")
        with database_wanted(), nullcontext() if stream is None else redirect_stdout(stream):
            try:
                code = commands.main(words, prog_name="manage.py", standalone_mode=False)
            except click.ClickException as error:
                raise CommandError(error.format_message(), returncode=error.exit_code) from error
            except click.Abort:
                code = ExitCode.INTERRUPTED
        if isinstance(code, int) and code:
            sys.exit(code)

    def _parameters(self) -> list[Any]:
        from ...cli.commands import commands  # noqa: PLC0415 - optional

        return [parameter for parameter in commands.commands[self.subcommand].params if parameter.name != "app"]

    def _words(self, options: dict[str, Any]) -> Iterator[str]:
        for parameter in self._parameters():
            value = options.get(str(parameter.name))
            if value is None or value is False:
                continue
            if parameter.param_type_name == "argument":
                yield str(value)
            elif value is True:
                yield _name(parameter)
            else:
                for each in value if isinstance(value, list | tuple) else [value]:
                    yield from (_name(parameter), str(each))


def _name(option: Any) -> str:
    return next(str(name) for name in option.opts if name.startswith("--"))


def _in_argparse(option: Any) -> dict[str, Any]:
    """Return what argparse is told of an option; its value is checked where it is used."""
    is_number = isinstance(option.default, int | float) and not option.is_flag
    text = f"{option.help} Default: {option.default:g}." if is_number else option.help
    told: dict[str, Any] = {"dest": option.name, "default": None, "help": text.replace("%", "%%")}
    if option.is_flag:
        return {**told, "action": "store_true"}
    told["metavar"] = option.metavar or option.name.upper()
    return {**told, "action": "extend", "nargs": "+"} if option.multiple else told
