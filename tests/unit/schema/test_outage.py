"""What clients read while the store is away."""

from __future__ import annotations

from strawberry_tasks import Schema, Tasks
from strawberry_tasks.errors import StoreUnavailableError


def test_clients_do_not_learn_where_the_store_is() -> None:
    """A client gets a code and a general message; the address stands in the error itself, for the log."""
    tasks = Tasks("redis://127.0.0.1:1/0", backend="sync")
    schema = Schema(extensions=[tasks.extension])

    answer = schema.execute_sync('{ task(id: "any") { id } }')

    assert answer.errors is not None
    (error,) = answer.errors
    assert error.extensions == {"code": "STORE_UNAVAILABLE"}
    assert error.message == "The task store cannot be reached. Try again."
    assert isinstance(error.original_error, StoreUnavailableError)
    assert "127.0.0.1:1" in str(error.original_error)
    tasks.close()
