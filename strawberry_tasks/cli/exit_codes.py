"""What commands end with; Django's commands, too."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """What a command ends with; 0 is success."""

    FAILED = 1
    """What was looked at is not as it should be: a run FAILED, a check found something."""

    USAGE = 2
    """The command line, APP or a setting cannot work. Nothing was done."""

    UNREACHABLE = 3
    """The store or the queue does not answer."""

    CANCELED = 4
    """The run that was followed was CANCELED."""

    REFUSED = 5
    """There is no such run, task or dead letter, or it is not in a state for this."""

    INTERRUPTED = 130
    """Somebody pressed Ctrl-C; the run that was followed goes on."""
