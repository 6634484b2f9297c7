"""Types may refer to what is defined later or elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from types import ModuleType

import pytest
import strawberry

from strawberry_tasks.codec import input_codec, output_codec
from strawberry_tasks.errors import TaskDeclarationError

ABOVE = """
from __future__ import annotations
from typing import Annotated
import strawberry

@strawberry.input
class Box:
    label: Annotated["Label", strawberry.lazy("{below}")] | None = None
    tags: list["Tag"] = strawberry.field(default_factory=list)

@strawberry.type
class Shown:
    hit: "Hit | Miss | None" = None
"""
BELOW = """
import strawberry

@strawberry.input
class Label:
    text: str
"""
REST = """
@strawberry.input
class Tag:
    name: str

@strawberry.type
class Hit:
    x: int

@strawberry.type
class Miss:
    y: int
"""


class Modules:
    """Two modules of which the first refers to the second, and to its own end."""

    above, below = "codec_references_above", "codec_references_below"

    def begin(self) -> ModuleType:
        """Run the first half of the first module."""
        module = sys.modules[self.above] = ModuleType(self.above)
        exec(ABOVE.format(below=self.below), vars(module))
        return module

    def finish(self) -> None:
        """Run what is left of both."""
        module = sys.modules[self.below] = ModuleType(self.below)
        exec(BELOW, vars(module))
        exec(REST, vars(sys.modules[self.above]))


@pytest.fixture
def modules() -> Iterator[Modules]:
    """Two modules that are gone after the test."""
    yield Modules()
    for name in (Modules.above, Modules.below):
        sys.modules.pop(name, None)


def test_what_is_defined_later_is_found_when_it_is_needed(modules: Modules) -> None:
    """A task may be declared in the middle of an import cycle."""
    above = modules.begin()
    made = input_codec("Box", where="here", namespace=vars(above), scalar_map={})
    modules.finish()
    box = above.Box(label=sys.modules[modules.below].Label(text="a"), tags=[above.Tag(name="b")])

    data = made.dump(box)

    assert data == {"label": {"text": "a"}, "tags": [{"name": "b"}]}
    assert made.load(data) == box


def test_unions_of_what_is_defined_later_are_found(modules: Modules) -> None:
    """The members of a union need not exist when the task is declared."""
    above = modules.begin()
    made = output_codec("Shown", where="here", namespace=vars(above), scalar_map={})
    modules.finish()
    shown = above.Shown(hit=above.Miss(y=1))

    data = made.dump(shown)

    assert data == {"hit": {"__typename": "Miss", "y": 1}}
    assert made.load(data) == shown
    assert made.publish(data) == data


def test_what_never_comes_is_refused(modules: Modules) -> None:
    """Once it is needed, a name that nobody defined is an error of the declaration."""
    made = input_codec("Box", where="here", namespace=vars(modules.begin()), scalar_map={})

    with pytest.raises(TaskDeclarationError, match=r"^here, field '\w+' of Box: .* name"):
        _ = made.touches_database


def test_lazy_parameters_are_not_imported_while_declaring() -> None:
    """Declaring a task runs no other module."""
    lazy = strawberry.lazy("codec_references_nowhere")
    namespace: dict[str, object] = {"Annotated": __import__("typing").Annotated, "lazy": lazy}

    made = input_codec("Annotated['Label', lazy]", where="here", namespace=namespace, scalar_map={})

    with pytest.raises(TaskDeclarationError, match="here: expected a GraphQL input type, got Label"):
        made.dump(3)
