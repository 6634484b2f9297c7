"""What a validation error of Django's says to a person."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

_OF_NO_FIELD = "__all__"
"""Where Django puts what is wrong with no field alone: its ``NON_FIELD_ERRORS``."""


def told_by(error: object) -> str | None:
    """Return the messages of a Django ``ValidationError`` in one line, by field; ``None`` of anything else.

    They are written for people, as those of other unforeseen errors are not. Nothing else of the error is told.
    """
    # Whoever has raised one has imported it.
    kind = getattr(sys.modules.get("django.core.exceptions"), "ValidationError", None)
    if kind is None or not isinstance(error, kind):
        return None
    try:
        return _joined(_parts(error))
    except Exception:  # noqa: BLE001 - a message whose parameters do not fit, which only shows when it is read
        return None


def _parts(error: Any) -> Iterator[str]:
    if not hasattr(error, "error_dict"):
        yield _joined(error.messages)
        return
    by_field = error.message_dict
    yield from by_field.pop(_OF_NO_FIELD, ())
    for field, messages in by_field.items():
        yield f"{field}: {_joined(messages)}"


def _joined(sentences: Iterable[str]) -> str:
    text = ""
    for sentence in map(str, sentences):
        between = " " if text.endswith((".", "!", "?", "…")) else "; "
        text += (between if text else "") + " ".join(sentence.split())
    return text
