"""Settings that cannot work are refused at once, and the message names the setting."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import Any

import pytest

from strawberry_tasks import OwnerPolicy, StrawberryTasksError, Tasks
from strawberry_tasks.config import TaskOptions
from strawberry_tasks.errors import ConfigurationError, TaskDeclarationError
from tests.labels import label

SETTINGS = [
    ("url", ""),
    ("url", "localhost:6379"),
    ("url", "postgres://localhost"),
    ("url", "REDIS://localhost"),
    ("url", None),
    ("url", b"redis://localhost"),
    ("backend", "celery"),
    ("backend", ""),
    ("backend", "dramatiq"),
    ("broker", "redis://localhost"),
    ("namespace", ""),
    ("namespace", "a b"),
    ("namespace", "x" * 201),
    ("namespace", 5),
    ("queue", ""),
    ("queue", "a b"),
    ("queue", "1st"),
    ("max_retries", -1),
    ("max_retries", 1.5),
    ("max_retries", True),
    ("max_retries", 2**31),
    ("retry_delay", 5),
    ("retry_delay", timedelta(seconds=-1)),
    ("retry_delay", timedelta.max),
    ("timeout", 5),
    ("timeout", timedelta(0)),
    ("timeout", timedelta.max),
    ("result_ttl", 3600),
    ("result_ttl", timedelta(0)),
    ("result_ttl", timedelta.max),
    ("progress_interval", 0.1),
    ("progress_interval", timedelta(seconds=-1)),
    ("policy", object()),
    ("policy", OwnerPolicy),
    ("uploads", "/tmp"),
    ("fields", ["task"]),
    ("fields", {"tusk": "run"}),
    ("fields", {"task": ""}),
    ("fields", {"task": "my run"}),
    ("fields", {"task": 5}),
    ("scalar_map", [int]),
]


@pytest.mark.parametrize(("setting", "value"), SETTINGS, ids=label)
def test_refused_setting(setting: str, value: Any) -> None:
    """`Tasks` names the setting that it refuses."""
    settings = {"url": "memory://", setting: value}

    with pytest.raises(ConfigurationError, match=rf"^{setting}\b.*: expected "):
        Tasks(**settings)


@pytest.mark.parametrize("broker", ["http://localhost", "memory://", "", 5])
def test_refused_broker(broker: Any) -> None:
    """What is neither a broker nor the URL of one is refused by name."""
    with pytest.raises(ConfigurationError, match=r"^broker: expected "):
        Tasks("redis://localhost", broker=broker)


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:s3cret@localhost:port",
        "redis://[s3cret",
        "redis://:s3cret@localhost/stock",
        "redis://:s3cret/s3cret@localhost/0",
        "redis://:s3cret@localhost/0?timeout_ms=5",
    ],
)
def test_url_that_cannot_be_read(url: str) -> None:
    """A URL is never repeated, because of the password in it."""
    with pytest.raises(ConfigurationError, match=r"^url: expected ") as caught:
        Tasks(url)

    assert "s3cret" not in str(caught.value)


def test_password_is_not_shown() -> None:
    """Settings end up in logs and error reports."""
    tasks = Tasks("redis://:s3cret@localhost:6379/0")

    assert "s3cret" not in repr(tasks.config)


@pytest.mark.parametrize(
    "url", ["redis://h:1/2", "rediss://h", "unix:///tmp/s", "valkey://h", "valkeys://h", "memory://"]
)
def test_accepted_url(url: str) -> None:
    """Every scheme that is promised makes a `Tasks`, with no server there."""
    Tasks(url)


@pytest.mark.parametrize("decorator", ["task", "mutation"])
@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("name", ""),
        ("name", "a b"),
        ("name", 5),
        ("queue", "a b"),
        ("max_retries", -1),
        ("max_retries", "3"),
        ("retry_delay", 5),
        ("timeout", 5),
        ("timeout", timedelta(0)),
    ],
)
def test_refused_option(decorator: str, option: str, value: Any) -> None:
    """The decorators name the option that they refuse."""
    tasks = Tasks("memory://")

    with pytest.raises(ConfigurationError, match=f"^{option}: expected "):
        getattr(tasks, decorator)(**{option: value})(lambda: None)


def test_mutation_needs_a_graphql_name() -> None:
    """A mutation's name is a field's; a background task's may be any."""
    tasks = Tasks("memory://")
    tasks.task(name="sync-inventory")(lambda: None)

    with pytest.raises(ConfigurationError, match=r"^name: expected .* got 'sync-inventory'"):
        tasks.mutation(name="sync-inventory")


def test_seconds_are_hinted_at() -> None:
    """Whoever writes seconds reads what to write instead."""
    with pytest.raises(ConfigurationError, match=re.escape("Write timedelta(seconds=30).")):
        Tasks("memory://", timeout=30)  # type: ignore[arg-type]


@pytest.mark.parametrize("decorator", ["task", "mutation"])
def test_without_parentheses(decorator: str) -> None:
    """A decorator without parentheses is refused where it stands."""
    tasks = Tasks("memory://")

    def work() -> None: ...

    with pytest.raises(TaskDeclarationError, match=r"expected a decorator with parentheses.*@tasks\.mutation\(\)"):
        getattr(tasks, decorator)(work)


def test_own_options_win() -> None:
    """A task's own options win over those of `Tasks`; what it leaves out is theirs."""
    tasks = Tasks("memory://", queue="slow", max_retries=1, timeout=timedelta(seconds=9))

    work = tasks.task(max_retries=0, retry_delay=timedelta(0))(lambda: None)

    assert work.options == TaskOptions(
        queue="slow", max_retries=0, retry_delay=timedelta(0), timeout=timedelta(seconds=9)
    )


@pytest.mark.parametrize(
    ("attempt", "jitter", "seconds"),
    [(1, 0, 5), (1, 1, 10), (2, 1, 20), (3, 0, 20), (4, 1, 60), (1000, 1, 60), (1000, 0, 30)],
)
def test_backoff(attempt: int, jitter: float, seconds: float) -> None:
    """The wait doubles up to its bound, and jitter takes up to half of it off."""
    options = TaskOptions(retry_delay=timedelta(seconds=10), max_retry_delay=timedelta(seconds=60))

    assert options.backoff(attempt, jitter=jitter) == timedelta(seconds=seconds)


def test_errors_have_one_root() -> None:
    """Everything that is refused can be caught as one kind."""
    with pytest.raises(StrawberryTasksError):
        Tasks("nothing")
