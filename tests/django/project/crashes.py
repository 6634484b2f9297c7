"""A web process that is killed between commit and send, or right after it; many times over: ``crashes COUNT``."""

from __future__ import annotations

import os
import signal
import sys
from datetime import UTC, datetime, timedelta

import django


def crash(word: str, *, sent: bool) -> None:
    """Enqueue a run in a transaction, and be killed once that is committed."""
    from django.db import connection, transaction  # noqa: PLC0415 - wants Django set up

    from tests.django.project.tasks import note  # noqa: PLC0415 - wants Django set up

    def kill() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with transaction.atomic():
        if not sent:
            transaction.on_commit(kill)
        note.enqueue(word=word)
        if sent:
            transaction.on_commit(kill)
    connection.close()


def main(count: int) -> None:
    """Do it in forked children, one after the other; every third one has sent its run."""
    django.setup()
    from django.core.management import call_command  # noqa: PLC0415 - wants Django set up
    from django.db import connections  # noqa: PLC0415 - wants Django set up

    from strawberry_tasks.django.models import TaskExecution  # noqa: PLC0415 - wants Django set up

    call_command("migrate", verbosity=0)
    connections.close_all()
    for number in range(count):
        child = os.fork()
        if not child:
            crash(str(number), sent=number % 3 == 2)
            os._exit(1)
        _, status = os.waitpid(child, 0)
        assert os.WIFSIGNALED(status), f"child {number} was not killed"
    # Old enough to be relayed at once.
    TaskExecution.objects.update(changed_at=datetime.now(UTC) - timedelta(minutes=1))


if __name__ == "__main__":
    main(int(sys.argv[1]))
