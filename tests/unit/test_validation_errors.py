"""A `ValidationError` of Django's is written for people: its messages are told, by field, and nothing else of it."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest

from strawberry_tasks import Schema, TaskError, Tasks, TaskStatus
from strawberry_tasks.testing import inline
from tests.operations import execute

pytest.importorskip("django", reason="the core works without it")

from django.core.exceptions import NON_FIELD_ERRORS, ValidationError
from django.utils.translation import gettext_lazy

SECRET = "sesame"


def of_params() -> ValidationError:
    return ValidationError("At most %(limit)d, not %(secret)s.", params={"limit": 3, "secret": "more"})


ERRORS: list[tuple[Any, str]] = [
    (lambda: ValidationError("Dates overlap."), "Dates overlap."),
    (lambda: ValidationError(["Dates overlap.", "Too long"]), "Dates overlap. Too long"),
    (lambda: ValidationError(["Too long", "Too late"]), "Too long; Too late"),
    (lambda: ValidationError(gettext_lazy("Enter a number.")), "Enter a number."),
    (of_params, "At most 3, not more."),
    (lambda: ValidationError([of_params(), ValidationError("No.")]), "At most 3, not more. No."),
    (lambda: ValidationError({"name": "This is blank."}), "name: This is blank."),
    (
        lambda: ValidationError({"name": ["This is blank.", "Again."], "price": [of_params()]}),
        "name: This is blank. Again. price: At most 3, not more.",
    ),
    (lambda: ValidationError({"name": "blank", "price": "low"}), "name: blank; price: low"),
    (
        lambda: ValidationError({"name": "This is blank.", NON_FIELD_ERRORS: ["Dates overlap."]}),
        "Dates overlap. name: This is blank.",
    ),
    (lambda: ValidationError("First.\nSecond."), "First. Second."),
    (lambda: ValidationError("A message", code=SECRET), "A message"),
    (lambda: ValidationError("%(missing)s", params={"secret": SECRET}), "The task failed with an unexpected error."),
    (lambda: ValueError(SECRET), "The task failed with an unexpected error."),
]


@pytest.mark.parametrize(("make", "told"), ERRORS)
@pytest.mark.parametrize("is_async", [False, True])
def test_told(make: Any, told: str, is_async: bool) -> None:
    """Clients read the messages in one line; the class and the traceback stay for those who may see internals."""
    tasks = Tasks("memory://", max_retries=0)

    def work() -> None:
        raise make() from ValueError(SECRET)

    async def awork() -> None:
        raise make() from ValueError(SECRET)

    tasks.mutation(name="work")(awork if is_async else work)
    with inline(tasks):
        data = execute(
            Schema(extensions=[tasks.extension]),
            "mutation { work { status error failure { code message exception traceback } } }",
        )

    assert data["work"] == {
        "status": "FAILED",
        "error": told,
        "failure": {"code": "TASK_ERROR", "message": told, "exception": None, "traceback": None},
    }


@pytest.mark.parametrize(("make", "told"), ERRORS[:10])
def test_passed_on(make: Any, told: str) -> None:
    """As the message of a `TaskError` it reads the same."""
    assert TaskError(make()).message == told


def test_attempts() -> None:
    """It is tried again as any other error is, unless the task says otherwise."""
    tasks = Tasks("memory://", max_retries=2)

    def work() -> None:
        raise ValidationError({"name": "This is blank."})

    again = tasks.task(name="again")(work)
    once = tasks.task(name="once", no_retry_for=[ValidationError])(work)
    with inline(tasks):
        runs = [again.enqueue().started, once.enqueue().started]

    assert [(run.status, run.attempt) for run in runs] == [(TaskStatus.FAILED, 3), (TaskStatus.FAILED, 1)]


def test_without_django() -> None:
    """Nobody's class of that name is taken for it, and Django is not imported to look."""
    program = """
import sys
from strawberry_tasks.validation import told_by
class ValidationError(Exception):
    message_dict, error_dict = {"a": ["secret"]}, {}
assert told_by(ValidationError("secret")) is None
assert "django" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
