"""What a task needs of the `Tasks` that it belongs to."""

from __future__ import annotations

from collections.abc import Callable, Set
from typing import NamedTuple

from .declaration import Declaration
from .policy import Policy
from .runtime import Runtime
from .uploads import Uploads


class Environment(NamedTuple):
    """What a task needs of the `Tasks` that it belongs to."""

    runtime: Callable[[], Runtime]
    """This process's runtime; made at first use."""

    policy: Policy
    """Loads the users of runs."""

    uploads: Uploads
    """Keeps the files of runs."""

    queues: Callable[[], Set[str]]
    """The queues that runs may be sent to."""

    max_payload: int
    """How many bytes the encoded arguments of a run have at the most."""

    max_result: int
    """How many bytes what a run returns has at the most, as JSON."""

    handle_type: Callable[[Declaration], type[object]]
    """Makes the GraphQL type of a task's handles."""
