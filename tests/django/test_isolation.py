"""What Django keeps for the code that runs now is not seen by the run after it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import Group
from django.core.cache import caches
from django.db import transaction
from django.urls import get_urlconf, set_urlconf
from django.utils import timezone, translation

from strawberry_tasks import Tasks
from strawberry_tasks.backends.thread import THREADS
from tests.django.stages import tracked_tasks
from tests.patience import PATIENCE

MANY = 3 * THREADS


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    """Tasks that threads perform."""
    with tracked_tasks() as tasks:
        yield tasks


def leave_traces() -> str:
    """Tell what is active, and activate something else."""
    found = f"{translation.get_language()} {timezone.get_current_timezone_name()} {get_urlconf()}"
    translation.activate("fr")
    timezone.activate("Asia/Tokyo")
    set_urlconf("elsewhere")
    return found


@pytest.mark.django_db(transaction=True)
def test_language_timezone_and_urls(tasks: Tasks) -> None:
    """Each run finds the project's own, be it sync or async."""

    @tasks.task()
    def sync() -> str:
        return leave_traces()

    @tasks.task(name="loop")
    async def loop() -> str:
        return leave_traces()

    handles = [task.enqueue() for task in (sync, loop) for _ in range(MANY)]

    expected = f"{translation.get_language()} {timezone.get_default_timezone_name()} None"
    assert {handle.result(PATIENCE) for handle in handles} == {expected}


@pytest.mark.django_db(transaction=True)
def test_a_thread_keeps_the_clients_of_its_caches(tasks: Tasks) -> None:
    """A context of its own costs an attempt no connection of its own."""
    clients = []

    @tasks.task()
    def work() -> None:
        clients.append(caches["default"])

    for handle in [work.enqueue() for _ in range(MANY)]:
        handle.result(PATIENCE)

    assert len(set(map(id, clients))) <= THREADS


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_was_left_open_is_rolled_back(tasks: Tasks, caplog: pytest.LogCaptureFixture) -> None:
    """What the next run in that thread writes is committed, and the row of the careless one is not."""

    @tasks.task()
    def careless() -> None:
        transaction.atomic().__enter__()
        Group.objects.get_or_create(name="careless")

    @tasks.task()
    def careful() -> bool:
        is_clean = not transaction.get_connection().in_atomic_block
        Group.objects.get_or_create(name="careful")
        return is_clean

    careless.enqueue().result(PATIENCE)
    is_clean = [careful.enqueue().result(PATIENCE) for _ in range(MANY)]

    assert all(is_clean)
    assert list(Group.objects.values_list("name", flat=True)) == ["careful"]
    assert "left a transaction open" in caplog.text
