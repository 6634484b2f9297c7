"""What the errors of a codec tell of the values themselves."""

from __future__ import annotations

import pytest
import strawberry

from strawberry_tasks.codec import input_codec, output_codec
from strawberry_tasks.errors import ValueEncodingError


@strawberry.type
class Report:
    """A result."""

    updated: int


def test_a_result_error_names_the_field_and_the_types_but_not_the_value() -> None:
    """Watchers read the message, and what the function returned by mistake may be secret."""
    codec = output_codec(Report, where="task 'sync', result", namespace={}, scalar_map={})

    with pytest.raises(ValueEncodingError) as caught:
        codec.dump(Report(updated="hunter2"))  # type: ignore[arg-type]

    assert str(caught.value) == "task 'sync', result: updated: expected int, got str"


def test_an_argument_error_shows_the_value() -> None:
    """Whoever enqueues gave the value, and looks for it."""
    codec = input_codec(int, where="task 'sync', parameter 'count'", namespace={}, scalar_map={})

    with pytest.raises(ValueEncodingError) as caught:
        codec.dump("three")

    assert str(caught.value) == "task 'sync', parameter 'count': expected int, got str 'three'"
