"""Which queue the runs of a task go to that names none itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any

from .config import check_name, check_queue
from .errors import ConfigurationError


class Routes:
    """Patterns of names, each with a queue; the first that fits counts.

    A pattern is compared with the task's name, and with the dotted path of its function, from any point on:
    ``shop.reports.sales``, ``reports.sales`` and ``sales``. ``*`` stands for anything, ``?`` for one character, ``[ab]`` for one
    of these.

    Args:
        routes: Queues by pattern, in their order.

    Raises:
        ConfigurationError: If a pattern or a queue cannot work; names it.
    """

    def __init__(self, routes: Mapping[str, str] | None) -> None:
        if routes is None:
            routes = {}
        if not isinstance(routes, Mapping):
            raise ConfigurationError(f"routes: expected a dict of patterns and their queues, got {routes!r}.")
        for pattern, queue in routes.items():
            check_name("a pattern of routes", pattern)
            check_queue(f"routes[{pattern!r}]", queue)
        self._routes = dict(routes)

    def queue_of(self, name: str, function: Callable[..., Any]) -> str | None:
        """Return the queue of a task; ``None`` if no pattern fits.

        Args:
            name: The task's name.
            function: Its function.
        """
        if not self._routes:
            return None
        names = {name, *_tails(f"{function.__module__}.{function.__qualname__}")}
        fitting = (queue for pattern, queue in self._routes.items() if any(fnmatchcase(one, pattern) for one in names))
        return next(fitting, None)


def _tails(path: str) -> Iterator[str]:
    parts = path.split(".")
    return (".".join(parts[start:]) for start in range(len(parts)))
