"""A module or a notebook's cell that is executed again declares its tasks anew; two functions do not share a name."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import celery
import dramatiq
import pytest
from dramatiq.brokers.stub import StubBroker

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.errors import TaskDeclarationError
from strawberry_tasks.testing import inline, recorded
from tests.operations import execute

MODULE = """
import strawberry
from datetime import timedelta
from shared_tasks import tasks

@strawberry.type
class Answer:
    text: str

@tasks.mutation(queue={queue!r})
def answer(question: str) -> Answer:
    return Answer(text=question + {text!r})

@tasks.task()
def quiet() -> str:
    return {text!r}

@tasks.periodic(every=timedelta(minutes={minutes}))
async def beat() -> None: ...
"""

BACKENDS: dict[str, dict[str, Any]] = {
    "thread": {"url": "memory://"},
    "sync": {"url": "memory://", "backend": "sync"},
    "dramatiq": {"url": "redis://127.0.0.1:1"},
    "stock dramatiq": {"url": "redis://127.0.0.1:1", "broker": "stub"},
    "celery": {"url": "redis://127.0.0.1:1", "backend": "celery", "broker": "celery"},
}


def tasks_of(kind: str) -> Tasks:
    settings = dict(BACKENDS[kind])
    made = {"stub": StubBroker, "celery": lambda: celery.Celery("again", broker="memory://")}
    if settings.get("broker") in made:
        settings["broker"] = made[settings["broker"]]()
    return Tasks(settings.pop("url"), **settings)


class Written:
    """A module on the path, which can be changed and reloaded."""

    def __init__(self, path: Path, tasks: Tasks) -> None:
        self.path = path / "redefined_module.py"
        sys.modules["shared_tasks"] = type(sys)("shared_tasks")
        sys.modules["shared_tasks"].tasks = tasks  # type: ignore[attr-defined]
        self.module: Any = None

    def load(self, **values: Any) -> None:
        """Write the module, and execute it."""
        self.path.write_text(MODULE.format(**values))
        importlib.invalidate_caches()
        self.module = importlib.reload(self.module) if self.module else importlib.import_module("redefined_module")


@pytest.fixture(autouse=True)
def _path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield
    sys.modules.pop("redefined_module", None)
    sys.modules.pop("shared_tasks", None)


@pytest.mark.parametrize("kind", BACKENDS)
def test_reload(tmp_path: Path, kind: str) -> None:
    """Function, queue, schedule and schema are those of the module as it is now."""
    tasks = tasks_of(kind)
    written = Written(tmp_path, tasks)

    for text, queue, minutes in (("!", "first", 1), ("?!", "second", 2), ("...", "second", 3)):
        written.load(text=text, queue=queue, minutes=minutes)

        with inline(tasks):
            schema = Schema(extensions=[tasks.extension])
            data = execute(schema, 'mutation { answer(question: "a") { queue output { text } } }')
            assert data == {"answer": {"queue": queue, "output": {"text": f"a{text}"}}}
            assert written.module.quiet.enqueue().result() == text
        assert sorted(tasks.registry.tasks) == ["answer", "beat", "quiet"]
        (beat,) = tasks.schedules.declared
        assert beat.every == timedelta(minutes=minutes)
    tasks.close()


def test_actors_are_replaced(tmp_path: Path) -> None:
    """The broker has the actor of the present function, in its queue."""
    tasks = tasks_of("stock dramatiq")
    written = Written(tmp_path, tasks)
    written.load(text="!", queue="first", minutes=1)
    before = tasks.broker.get_actor("answer")

    written.load(text="?", queue="second", minutes=1)

    actor = tasks.broker.get_actor("answer")
    assert actor is not before
    assert actor.queue_name == "second"


def test_an_actor_of_the_projects_own_stays(tmp_path: Path) -> None:
    """An actor that is none of ours is not replaced."""
    broker = StubBroker()
    tasks = Tasks("redis://127.0.0.1:1", broker=broker)
    own = dramatiq.actor(lambda: None, actor_name="answer", broker=broker)

    with pytest.raises(ValueError, match="answer"):
        Written(tmp_path, tasks).load(text="!", queue="first", minutes=1)

    assert broker.get_actor("answer") is own


def test_threads_go_on(tmp_path: Path) -> None:
    """Threads that have begun perform the function as it is now."""
    tasks = tasks_of("thread")
    written = Written(tmp_path, tasks)
    results = []

    for text in ("!", "?!"):
        written.load(text=text, queue="first", minutes=1)
        results.append(written.module.quiet.enqueue().result(timeout=timedelta(seconds=30)))

    tasks.close()
    assert results == ["!", "?!"]


CELL = """
@tasks.mutation()
def work() -> {type}:
    return {value!r}
"""


def test_a_cell_is_executed_again() -> None:
    """A notebook's cell may be changed and executed as often as one likes, also as another kind of task."""
    tasks = Tasks("memory://")
    cells: dict[str, Any] = {"__name__": "__main__", "tasks": tasks, "timedelta": timedelta}

    for value in (1, "two", 3.5, 3.5):
        exec(compile(CELL.format(type=type(value).__name__, value=value), f"<cell {value}>", "exec"), cells)
        with inline(tasks):
            assert execute(Schema(extensions=[tasks.extension]), "mutation { work { output } }") == {
                "work": {"output": value}
            }
    same = compile("@tasks.periodic(every=timedelta(minutes=1))\ndef work() -> None: ...", "<cell>", "exec")
    exec(same, cells)
    exec(same, cells)
    assert len(tasks.schedules.declared) == 1
    exec("@tasks.task()\ndef work() -> None: ...", cells)
    assert tasks.schedules.declared == ()


def test_a_former_one_stays_if_the_next_is_refused() -> None:
    """A declaration that fails changes nothing."""
    tasks = Tasks("memory://")
    cells: dict[str, Any] = {"__name__": "__main__", "tasks": tasks}
    exec(CELL.format(type="int", value=1), cells)

    with pytest.raises(TaskDeclarationError):
        exec("@tasks.mutation()\ndef work(a: bytes) -> int: return 2", cells)

    with inline(tasks):
        assert tasks.find("work").enqueue().result() == 1


def test_the_same_function_twice() -> None:
    """The very same function may be declared again, say with other options."""
    tasks = Tasks("memory://")

    def work() -> None: ...

    tasks.task(queue="one")(work)
    tasks.task(queue="two")(work)

    with recorded(tasks) as recorder:
        tasks.find("work").enqueue()
    assert recorder.runs[0].queue == "two"


TWO = """
@tasks.task()
def work() -> int: return 1

@tasks.task()
def work() -> int: return 2
"""

IN_A_CLASS = """
class Both:
    @tasks.task()
    def work() -> int: return 1

    @tasks.task()
    def work() -> int: return 2
"""


@pytest.mark.parametrize(
    "source", [TWO, IN_A_CLASS, TWO.replace("def work() -> int: return 2", "def Work() -> int: return 2")]
)
def test_two_side_by_side(source: str) -> None:
    """Two functions that one module defines under one name are a mistake, which is told."""
    cells: dict[str, Any] = {"__name__": "__main__", "tasks": Tasks("memory://")}
    if "Work" in source:
        source = source.replace("@tasks.task()\ndef Work", "@tasks.task(name='work')\ndef Work")

    with pytest.raises(TaskDeclarationError, match="task 'work': expected a name of its own"):
        exec(source, cells)


def test_two_of_two_modules() -> None:
    """Functions of two modules are two, whatever they are called."""
    tasks = Tasks("memory://")
    for module in ("one", "two"):
        cells: dict[str, Any] = {"__name__": module, "tasks": tasks}
        if module == "one":
            exec(CELL.format(type="int", value=1), cells)
        else:
            with pytest.raises(TaskDeclarationError, match="expected a name of its own"):
                exec(CELL.format(type="int", value=1), cells)


def test_two_of_one_factory() -> None:
    """What a function makes with values of its own is another one each time."""
    tasks = Tasks("memory://")

    def make(value: int) -> None:
        @tasks.task()
        def work() -> int:
            return value

    make(1)

    with pytest.raises(TaskDeclarationError, match="expected a name of its own"):
        make(2)
