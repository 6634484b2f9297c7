"""In a federation's schema, the types that come with tasks are shared; elsewhere nothing of that shows."""

from __future__ import annotations

from typing import Any

import pytest
import strawberry
from strawberry.federation.schema_directives import Link

from strawberry_tasks import Schema, Tasks, federation

SHARED = {
    "type UntypedTaskHandle implements TaskHandle",
    "type TaskFailure",
    "type TaskHandleConnection",
    "type TaskHandleEdge",
    "type TaskSchedule",
    "type PageInfo",
}


@strawberry.federation.type(keys=["id"])
class Product:
    id: strawberry.ID


@strawberry.federation.type
class Query:
    product: Product | None = None


def declared(**settings: Any) -> Tasks:
    """Make tasks that bring all types."""
    tasks = Tasks("memory://", **settings)

    @tasks.mutation()
    def work() -> int:
        return 1

    @tasks.periodic(cron="0 0 * * *")
    def clean_up() -> None: ...

    return tasks


def shared_in(printed: str) -> set[str]:
    """Return the opening lines of the types that are shared."""
    return {line.partition(" @shareable")[0] for line in printed.splitlines() if " @shareable {" in line}


@pytest.mark.parametrize(
    ("options", "imported"),
    [
        ({}, 'v2.11", import: ["@shareable"]'),
        ({"query": Query}, 'v2.11", import: ["@key", "@shareable"]'),
        ({"query": Query, "federation_version": "2.3"}, 'v2.3", import: ["@key", "@shareable"]'),
    ],
    ids=["bare", "entity", "older"],
)
def test_types_are_shared(options: dict[str, Any], imported: str) -> None:
    """Each object type that all services with tasks have is shared, and the directive is imported once."""
    printed = federation.Schema(extensions=[declared().extension], **options).as_str()

    assert shared_in(printed) == SHARED
    assert imported in printed
    assert printed.count("specs.apollo.dev/federation") == 1


def test_the_users_own_link_stays() -> None:
    """A link of the user's own is completed, and not changed itself."""
    link = Link(url="https://specs.apollo.dev/federation/v2.7", import_=["@tag"])

    printed = federation.Schema(extensions=[declared().extension], schema_directives=[link]).as_str()

    assert 'v2.7", import: ["@tag", "@shareable"]' in printed
    assert link.import_ == ["@tag"]


def test_the_service_tells_the_same() -> None:
    """What gateways read says it, too."""
    schema = federation.Schema(extensions=[declared().extension])

    answer = schema.execute_sync("{ _service { sdl } }")

    assert answer.data is not None
    assert shared_in(answer.data["_service"]["sdl"]) == SHARED


def test_elsewhere_nothing_is_shared() -> None:
    """A schema without federation shows none of it, also beside one with it."""
    tasks = declared()
    federation.Schema(extensions=[tasks.extension])

    printed = Schema(extensions=[tasks.extension]).as_str()

    assert "@shareable" not in printed
    assert "@link" not in printed


def test_shared_under_other_names() -> None:
    """Types with other names are shared under those."""
    printed = federation.Schema(extensions=[declared(types={"TaskFailure": "Why"}).extension]).as_str()

    assert "type Why" in shared_in(printed)
