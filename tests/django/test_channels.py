"""Strawberry's consumer for Channels: the same policy finds the same users."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec

import pytest

from tests.django.sites import Site, Visitor, running_project
from tests.graphql_socket import OperationError
from tests.requirements import require

PROGRESS = 'subscription { taskProgress(taskId: "%s") { id } }'


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The project with Channels."""
    require("Channels", find_spec("channels") is not None, "pip install channels")
    directory = tmp_path_factory.mktemp("channels")
    with running_project(directory, app="tests.django.project.channels_asgi:application") as site:
        yield site


@pytest.mark.parametrize(("viewer", "sees"), [(None, False), ("ann", True), ("bob", False), ("boss", True)])
async def test_who_sees_a_run(site: Site, viewer: str | None, sees: bool) -> None:
    """The consumer's user is the viewer, for operations and for streams."""
    run_id = site.start(site.change_user("ann"))
    site.change_user("bob")
    site.change_user("boss", is_superuser=True)
    with site.visit(viewer) as visitor:
        async with visitor.socket(Origin=site.web.url) as socket:
            found = await anext(await socket.execute(f'{{ task(id: "{run_id}") {{ id }} }}'))
            stream = await socket.execute(PROGRESS % run_id)
            if sees:
                assert await anext(stream) == {"taskProgress": {"id": run_id}}
            else:
                with pytest.raises(OperationError) as refusal:
                    await anext(stream)
                assert refusal.value.codes == ["TASK_NOT_FOUND"]

    assert found == {"task": {"id": run_id} if sees else None}


async def test_a_permission_of_strawberry_django(site: Site) -> None:
    """Its extensions find the consumer's user, too."""
    site.change_user("ann")
    with site.visit("ann") as visitor:
        async with visitor.socket(Origin=site.web.url) as socket:
            started = await anext(await socket.execute("mutation { forUsers { id } }"))
    async with site.backstage.socket(Origin=site.web.url) as socket:
        with pytest.raises(OperationError, match="not authenticated"):
            await anext(await socket.execute("mutation { forUsers { id } }"))

    assert started["forUsers"]["id"]


@pytest.mark.parametrize(
    "end",
    [
        lambda site, visitor: visitor.stage("sign-out"),
        lambda site, visitor: site.change_user("ann", is_active=False),
        lambda site, visitor: site.change_user("ann", password="b"),
    ],
    ids=["signed out", "deactivated", "another password"],
)
async def test_streams_end_with_their_session(site: Site, end: Callable[[Site, Visitor], object]) -> None:
    """The user is asked for again, though Channels found it when the socket was opened."""
    run_id = site.start(site.change_user("ann", is_active=True, password="a"))
    with site.visit("ann") as visitor:
        async with visitor.socket(Origin=site.web.url) as socket:
            stream = await socket.execute(PROGRESS % run_id)
            await anext(stream)
            end(site, visitor)

            with pytest.raises(OperationError) as refusal:
                await anext(stream)

    assert refusal.value.codes == ["UNAUTHENTICATED"]
