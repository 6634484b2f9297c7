"""What the worker fills in is recognised however it is written; what clients can give is a parameter, whatever its name."""

from __future__ import annotations

from operator import attrgetter
from typing import TYPE_CHECKING, Annotated, Any, Optional, Union

import pytest
import strawberry
from strawberry import Info, Parent
from strawberry.permission import BasePermission
from strawberry.relay import GlobalID, GlobalIDValueError, Node, NodeID
from strawberry.scalars import JSON
from strawberry.schema.config import StrawberryConfig

import strawberry_tasks  # noqa: F401 - an annotation names it
from strawberry_tasks import Schema, TaskContext, Tasks
from strawberry_tasks.errors import TaskDeclarationError
from strawberry_tasks.testing import inline

if TYPE_CHECKING:
    from collections.abc import Iterable

    from elsewhere import Ctx, Root, models  # noqa: F401 - annotations name them


class MyInfo(Info[Any, Any]):
    @property
    def run_id(self) -> str:
        return self.context.task.id


InfoAlias = strawberry.Info[Any, None]
InfoText = "strawberry.Info[Ctx, None]"
Itself = "Itself"

CONTEXTS: list[Any] = [
    TaskContext,
    TaskContext | None,
    Optional[TaskContext],  # noqa: UP045 - as people write it
    Union[None, TaskContext],  # noqa: UP007 - as people write it
    Annotated[TaskContext, "…"],
    Annotated[TaskContext | None, "…"],
    Optional[Annotated[TaskContext, "…"]],  # noqa: UP045 - as people write it
    "TaskContext",
    "strawberry_tasks.TaskContext",
    "TaskContext | None",
    "Optional[TaskContext]",
    "Annotated[TaskContext, '…']",
    Annotated["TaskContext", "…"],
    Optional["TaskContext"],
]

INFOS: list[Any] = [
    Info,
    strawberry.Info[Any, Any],
    strawberry.Info[dict, None],
    InfoAlias,
    MyInfo,
    MyInfo | None,
    Info | None,
    Optional[Info[Any, Any]],  # noqa: UP045 - as people write it
    Annotated[Info, "…"],
    Annotated[MyInfo | None, "…"],
    "Info",
    "strawberry.Info",
    "strawberry.Info[Ctx, Root]",
    "Info[models.Ctx, Root] | None",
    "Optional[Info[Ctx, Root]]",
    "Annotated[Info, '…']",
    "MyInfo",
    "InfoAlias",
    "InfoText",
    Optional["Info"],
]


def declared(annotation: Any, name: str = "given") -> Tasks:
    tasks = Tasks("memory://")

    def work(given, number: int) -> str:  # type: ignore[no-untyped-def]
        return f"{(given if isinstance(given, TaskContext) else given.context.task).id} {number}"

    work.__annotations__["given"] = annotation
    tasks.task()(work)
    return tasks


@pytest.mark.parametrize("annotation", CONTEXTS + INFOS, ids=str)
def test_recognised(annotation: Any) -> None:
    """Callers leave it out, and the function gets it."""
    tasks = declared(annotation)
    task = tasks.find("work")

    with inline(tasks):
        handle = task.enqueue(number=1)
        assert handle.result() == f"{handle.id} 1"
    assert list(task.declaration.parameters) == ["number"]


def test_known_to_type_checkers_alone() -> None:
    """A module that imports the types under TYPE_CHECKING means the same."""
    namespace: dict[str, Any] = {"__name__": "elsewhere"}
    source = "from __future__ import annotations\n" + "\n".join(
        f"def {name}({name}: {annotation}, number: int) -> None: ..."
        for name, annotation in {
            "task": "TaskContext | None",
            "context": "strawberry_tasks.TaskContext",
            "info": "Info[Ctx, Root]",
        }.items()
    )
    exec(source, namespace)

    for name in ("task", "context", "info"):
        task = Tasks("memory://").task()(namespace[name])
        assert list(task.declaration.parameters) == ["number"]


async def test_an_info_class_of_the_users() -> None:
    """The function gets an instance of it, with what a task has."""
    tasks = Tasks("memory://")

    @tasks.task()
    async def work(info: MyInfo) -> str:
        assert isinstance(info, MyInfo)
        return info.run_id

    with inline(tasks):
        handle = await work.aenqueue()
        assert await handle.aresult() == handle.id


def test_an_alias_of_itself() -> None:
    """What leads nowhere is refused like any other annotation."""

    def work(options: Itself) -> None: ...

    with pytest.raises(TaskDeclarationError, match="parameter 'options'"):
        Tasks("memory://").task()(work)


async def test_an_info_class_of_the_schema() -> None:
    """A schema may have its own class of `Info`, for resolvers, permissions and tasks alike."""
    tasks = Tasks("memory://")

    class Tells(BasePermission):
        def has_permission(self, source: Any, info: Info, **kwargs: Any) -> bool:
            return isinstance(info, MyInfo)

    @tasks.mutation(permission_classes=[Tells])
    def work(info: MyInfo) -> str:
        return info.run_id

    schema = Schema(extensions=[tasks.extension], config=StrawberryConfig(info_class=MyInfo))
    with inline(tasks):
        result = await schema.execute("mutation { work { id output } }")
        assert result.data is not None
        found = await schema.execute(f'{{ task(id: "{result.data["work"]["id"]}") {{ status }} }}')

    assert result.data["work"]["output"] == result.data["work"]["id"]
    assert found.data == {"task": {"status": "COMPLETED"}}


@pytest.mark.parametrize("annotation", [Info, MyInfo])
def test_what_a_task_does_not_have(annotation: Any) -> None:
    """Asking for the rest of an info says what there is."""
    tasks = Tasks("memory://")

    @tasks.task()
    def work(info: Info) -> list[str]:
        said = []
        for asked in ("path", "field_name", "variable_values", "schema.as_str"):
            with pytest.raises(AttributeError) as caught:
                attrgetter(asked)(info)
            said.append(str(caught.value))
        return said

    work.function.__annotations__["info"] = annotation

    with inline(tasks):
        for message in work.enqueue().result():
            assert message.startswith("info.")


ROOTS: list[Any] = [None, Any, object, "Query", "Mutation | None", dict, "models.Root"]


@pytest.mark.parametrize("annotation", ROOTS, ids=str)
def test_root(annotation: Any) -> None:
    """`root` in the first place is the root value, which a task does not have, unless clients can give it."""

    def work(root, number: int) -> None: ...  # type: ignore[no-untyped-def]

    work.__annotations__["root"] = annotation

    assert list(Tasks("memory://").task()(work).declaration.parameters) == ["number"]


@pytest.mark.parametrize("annotation", [str, "str | None", list[int], JSON])
@pytest.mark.parametrize("name", ["root", "self", "parent", "info"])
def test_plain_types_are_parameters(name: str, annotation: Any) -> None:
    """What clients can give is theirs to give."""
    namespace: dict[str, Any] = {"__name__": __name__}
    exec(f"def work({name}, number: int) -> None: ...", namespace)
    function = namespace["work"]
    function.__annotations__[name] = annotation

    assert list(Tasks("memory://").task()(function).declaration.parameters) == [name, "number"]


def test_self_of_a_resolver() -> None:
    """A resolver that was moved out of its class, and `strawberry.Parent`, have nothing for clients to give."""

    def work(self, parent: Parent[int], info, number: int) -> None: ...  # type: ignore[no-untyped-def]

    assert list(Tasks("memory://").task()(work).declaration.parameters) == ["number"]


def test_an_input_called_info_is_a_parameter() -> None:
    """An input type of that name is no `strawberry.Info`."""

    @strawberry.input(name="Info")
    class Input:
        text: str

    def work(details: Info) -> None: ...

    work.__annotations__["details"] = Input

    assert list(Tasks("memory://").task()(work).declaration.parameters) == ["details"]


def test_something_else_that_is_unknown() -> None:
    """Only names that mean what is filled in are taken for it."""

    def work(options: Missing) -> None: ...  # type: ignore[name-defined]  # noqa: F821

    with pytest.raises(TaskDeclarationError, match="names 'Missing'"):
        Tasks("memory://").task()(work)


@strawberry.type
class TaskFruit(Node):
    code: NodeID[str]

    @classmethod
    def resolve_nodes(cls, *, info: Any, node_ids: Iterable[str], required: bool = False) -> Any:
        assert info.context.task is not None
        return [cls(code=each) for each in node_ids]


@strawberry.type
class TaskVegetable(Node):
    code: NodeID[str]

    @classmethod
    async def resolve_nodes(cls, *, info: Any, node_ids: Iterable[str], required: bool = False) -> Any:
        return [cls(code=each) for each in node_ids]


@pytest.mark.parametrize("annotation", [Info, MyInfo])
def test_nodes(annotation: Any) -> None:
    """A `GlobalID` finds its node in a task, though a worker has no schema."""
    tasks = Tasks("memory://")

    def work(info: Any, id: GlobalID) -> str:
        return id.resolve_node_sync(info, ensure_type=TaskFruit).code

    work.__annotations__["info"] = annotation
    task = tasks.task()(work)

    with inline(tasks):
        assert task.enqueue(GlobalID("TaskFruit", "apple")).result() == "apple"


async def test_nodes_of_async_tasks() -> None:
    """Nodes that have to be awaited are."""
    tasks = Tasks("memory://")

    @tasks.task()
    async def work(info: Info, id: GlobalID) -> str:
        node: Any = await id.resolve_node(info)
        return str(node.code)

    with inline(tasks):
        assert await (await work.aenqueue(GlobalID("TaskVegetable", "leek"))).aresult() == "leek"


def test_no_such_node() -> None:
    """Strawberry's own error tells of a type that is none."""
    tasks = Tasks("memory://")

    @tasks.task()
    def work(info: Info, id: GlobalID) -> str:
        with pytest.raises(GlobalIDValueError) as caught:
            id.resolve_node_sync(info)
        return str(caught.value)

    with inline(tasks):
        assert "received `Stone`" in work.enqueue(GlobalID("Stone", "1")).result()


def test_two_nodes_of_one_name() -> None:
    """Which of two types is meant nobody can tell without a schema, and the error says which there are."""
    tasks = Tasks("memory://")

    def nut() -> type:
        @strawberry.type
        class TaskNut(Node):
            code: NodeID[str]

        return TaskNut

    nuts = [nut(), nut()]

    @tasks.task()
    def work(info: Info, id: GlobalID) -> str:
        with pytest.raises(LookupError) as caught:
            id.resolve_node_sync(info)
        return str(caught.value)

    with inline(tasks):
        assert "expected one node type of the name 'TaskNut'" in work.enqueue(GlobalID("TaskNut", "1")).result()
    assert len(nuts) == 2
