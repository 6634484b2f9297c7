"""Whoever a web framework has signed in owns what they start, over HTTP, in a stream and over a websocket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import strawberry
from starlette.requests import HTTPConnection

from strawberry_tasks import OwnerPolicy, Schema, Tasks
from strawberry_tasks.testing import inline
from tests.patience import SECONDS

REASON = "needs the dependency group `frameworks`"
STREAMS = ["graphql-sse", "graphql-transport-ws"]
PROTOCOL = "graphql-transport-ws"
START = "mutation { work { id } }"
WATCH = 'subscription { taskProgress(taskId: "%s") { status } }'

Json = dict[str, Any]


class Client:
    """A client of an application, which believes the header ``X-User``."""

    def __init__(
        self,
        post: Callable[[Json, dict[str, str]], Awaitable[str]],
        socket: Callable[[list[Json], dict[str, str]], Awaitable[Json]] | None,
    ) -> None:
        self._post = post
        self._socket = socket

    async def start(self, user: str) -> str:
        """Start a run, and return its id."""
        answer = json.loads(await self._post({"query": START}, {"X-User": user}))
        return str(answer["data"]["work"]["id"])

    async def stream(self, run_id: str, user: str) -> str:
        """Return what the first event of a stream says, if the framework has streams."""
        headers = {"X-User": user, "Accept": "text/event-stream"}
        return first_word(await self._post({"query": WATCH % run_id}, headers))

    async def watch(self, run_id: str, user: str) -> str:
        """Return what the first event over a websocket says."""
        assert self._socket is not None
        messages = [
            {"type": "connection_init"},
            {"id": "1", "type": "subscribe", "payload": {"query": WATCH % run_id}},
        ]
        return first_word(json.dumps(await self._socket(messages, {"X-User": user})))


def first_word(text: str) -> str:
    return next((word for word in ("COMPLETED", "TASK_NOT_FOUND") if word in text), text)


Application = Callable[[strawberry.Schema], Any]


def user_of(headers: Any) -> object:
    return {"sub": headers["X-User"]}


def signed_in(app: Any) -> Any:
    """Wrap an ASGI application as Starlette's and Litestar's middleware does: the user is in the scope."""

    async def wrapped(scope: Any, receive: Any, send: Any) -> None:
        headers = dict(scope.get("headers", ()))
        if (name := headers.get(b"x-user")) is not None:
            scope["user"] = {"sub": name.decode()}
        await app(scope, receive, send)

    return wrapped


async def asgi(app: Any) -> AsyncIterator[Client]:
    """Serve an ASGI application over its own protocol."""
    from httpx import ASGITransport, AsyncClient  # noqa: PLC0415

    async with AsyncClient(transport=ASGITransport(app), base_url="http://test") as client:

        async def post(body: Json, headers: dict[str, str]) -> str:
            return (await client.post("/graphql", json=body, headers=headers)).text

        yield Client(post, lambda messages, headers: talk(app, messages, headers))


async def talk(app: Any, messages: list[Json], headers: dict[str, str]) -> Json:
    """Send messages over a websocket, and return the answer to the last one."""
    incoming: asyncio.Queue[Json] = asyncio.Queue()
    outgoing: asyncio.Queue[Json] = asyncio.Queue()
    raw = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    scope = {
        "type": "websocket",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "scheme": "ws",
        "path": "/graphql",
        "raw_path": b"/graphql",
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"test"), (b"sec-websocket-protocol", PROTOCOL.encode()), *raw],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 2),
        "subprotocols": [PROTOCOL],
        "state": {},
        "extensions": {},
    }
    incoming.put_nowait({"type": "websocket.connect"})
    serving = asyncio.create_task(app(scope, incoming.get, outgoing.put))
    try:
        async with asyncio.timeout(SECONDS):
            accepted = await outgoing.get()
            assert accepted["type"] == "websocket.accept", accepted
            answer: Json = {}
            for message in messages:
                incoming.put_nowait({"type": "websocket.receive", "text": json.dumps(message)})
                answer = json.loads((await outgoing.get())["text"])
            return answer
    finally:
        incoming.put_nowait({"type": "websocket.disconnect", "code": 1000})
        await serving


@asynccontextmanager
async def starlette(schema: strawberry.Schema) -> AsyncIterator[Client]:
    """Starlette, or any ASGI server: the user is in the scope."""
    from strawberry.asgi import GraphQL  # noqa: PLC0415

    async for client in asgi(signed_in(GraphQL(schema, subscription_protocols=STREAMS))):
        yield client


@asynccontextmanager
async def fastapi_state(schema: strawberry.Schema) -> AsyncIterator[Client]:
    """FastAPI with the user in the request's state, as its tutorials have it."""
    fastapi = pytest.importorskip("fastapi", reason=REASON)
    from strawberry.fastapi import GraphQLRouter  # noqa: PLC0415

    def sign_in(connection: HTTPConnection) -> None:
        connection.state.user = user_of(connection.headers)

    app = fastapi.FastAPI(dependencies=[fastapi.Depends(sign_in)])
    app.include_router(GraphQLRouter(schema, subscription_protocols=STREAMS), prefix="/graphql")
    async for client in asgi(app):
        yield client


@asynccontextmanager
async def fastapi_context(schema: strawberry.Schema) -> AsyncIterator[Client]:
    """FastAPI with a context of one's own, as Strawberry's documentation has it."""
    fastapi = pytest.importorskip("fastapi", reason=REASON)
    from strawberry.fastapi import BaseContext, GraphQLRouter  # noqa: PLC0415

    class Context(BaseContext):
        @property
        def user(self) -> object:
            assert self.request is not None
            return user_of(self.request.headers)

    app = fastapi.FastAPI()
    router: Any = GraphQLRouter(schema, subscription_protocols=STREAMS, context_getter=Context)
    app.include_router(router, prefix="/graphql")
    async for client in asgi(app):
        yield client


@asynccontextmanager
async def litestar_dict(schema: strawberry.Schema) -> AsyncIterator[Client]:
    """Litestar with Strawberry's own context: a websocket is its ``socket``."""
    litestar = pytest.importorskip("litestar", reason=REASON)
    from strawberry.litestar import make_graphql_controller  # noqa: PLC0415

    controller = make_graphql_controller(schema, path="/graphql", subscription_protocols=STREAMS)
    async for client in asgi(litestar.Litestar([controller], middleware=[signed_in], logging_config=None)):
        yield client


@asynccontextmanager
async def litestar_struct(schema: strawberry.Schema) -> AsyncIterator[Client]:
    """Litestar with a context of one's own: a websocket is its ``websocket``."""
    litestar = pytest.importorskip("litestar", reason=REASON)
    from strawberry.litestar import BaseContext, make_graphql_controller  # noqa: PLC0415

    async def context() -> Any:
        return BaseContext()

    controller = make_graphql_controller(
        schema, path="/graphql", subscription_protocols=STREAMS, context_getter=context
    )
    async for client in asgi(litestar.Litestar([controller], middleware=[signed_in], logging_config=None)):
        yield client


@asynccontextmanager
async def quart(schema: strawberry.Schema) -> AsyncIterator[Client]:
    """Quart: what its context holds is a proxy, which forgets its request before a stream begins."""
    framework = pytest.importorskip("quart", reason=REASON)
    from strawberry.quart.views import GraphQLView  # noqa: PLC0415

    app = framework.Quart(__name__)

    async def sign_in() -> None:
        framework.request.user = user_of(framework.request.headers)

    async def sign_in_socket() -> None:
        framework.websocket.user = user_of(framework.websocket.headers)

    app.before_request(sign_in)
    app.before_websocket(sign_in_socket)
    view = GraphQLView.as_view("graphql", schema=schema, subscription_protocols=STREAMS)
    app.add_url_rule("/graphql", view_func=view, methods=["POST"])
    app.add_url_rule("/graphql", view_func=view, methods=["GET"], websocket=True)
    async for client in asgi(app):
        yield client


@asynccontextmanager
async def aiohttp_item(schema: strawberry.Schema) -> AsyncIterator[Client]:
    """aiohttp: the user is an item of the request."""
    async with aiohttp(schema, "user") as client:
        yield client


@asynccontextmanager
async def aiohttp_key(schema: strawberry.Schema) -> AsyncIterator[Client]:
    """aiohttp, as it recommends it: the item has a key that knows its type."""
    web = pytest.importorskip("aiohttp.web", reason=REASON)
    if not hasattr(web, "RequestKey"):
        pytest.skip("needs aiohttp 3.14")
    async with aiohttp(schema, web.RequestKey("user", dict)) as client:
        yield client


@asynccontextmanager
async def aiohttp(schema: strawberry.Schema, key: Any) -> AsyncIterator[Client]:
    pytest.importorskip("aiohttp", reason=REASON)
    from aiohttp import test_utils, web  # noqa: PLC0415
    from strawberry.aiohttp.views import GraphQLView  # noqa: PLC0415

    @web.middleware
    async def sign_in(request: Any, handler: Any) -> Any:
        request[key] = user_of(request.headers)
        return await handler(request)

    app = web.Application(middlewares=[sign_in])
    app.router.add_route("*", "/graphql", GraphQLView(schema=schema, subscription_protocols=STREAMS))
    async with test_utils.TestClient(test_utils.TestServer(app)) as client:

        async def post(body: Json, headers: dict[str, str]) -> str:
            async with client.post("/graphql", json=body, headers=headers) as answer:
                return str(await answer.text())

        async def socket(messages: list[Json], headers: dict[str, str]) -> Json:
            async with client.ws_connect("/graphql", protocols=[PROTOCOL], headers=headers) as connection:
                answer: Json = {}
                for message in messages:
                    await connection.send_json(message)
                    answer = await connection.receive_json()
                return answer

        yield Client(post, socket)


@asynccontextmanager
async def flask(schema: strawberry.Schema) -> AsyncIterator[Client]:
    """Flask with Flask-Login's proxy in a context of one's own; it has neither streams nor websockets."""
    framework = pytest.importorskip("flask", reason=REASON)
    from strawberry.flask.views import GraphQLView  # noqa: PLC0415
    from werkzeug.local import LocalProxy  # noqa: PLC0415

    current_user = LocalProxy(lambda: user_of(framework.request.headers))

    class View(GraphQLView[Any, Any]):
        def get_context(self, request: Any, response: Any) -> Any:
            return {"request": request, "response": response, "user": current_user}

    app = framework.Flask(__name__)
    app.add_url_rule("/graphql", view_func=View.as_view("graphql", schema=schema))
    http = app.test_client()

    async def post(body: Json, headers: dict[str, str]) -> str:
        answer = await asyncio.to_thread(http.post, "/graphql", json=body, headers=headers)
        return str(answer.get_data(as_text=True))

    yield Client(post, None)


FRAMEWORKS = [
    starlette,
    fastapi_state,
    fastapi_context,
    litestar_dict,
    litestar_struct,
    quart,
    aiohttp_item,
    aiohttp_key,
    flask,
]


@pytest.fixture
def tasks() -> Iterator[Tasks]:
    tasks = Tasks("memory://")

    @tasks.mutation()
    def work() -> int:
        return 1

    with inline(tasks):
        yield tasks


@pytest.mark.filterwarnings("ignore")  # Some frameworks warn of what others do.
@pytest.mark.parametrize("framework", FRAMEWORKS, ids=lambda framework: framework.__name__)
async def test_the_owner_is_who_has_signed_in(framework: Any, tasks: Tasks) -> None:
    """Theirs is the run, over each way that the framework has; for anybody else it does not exist."""
    async with framework(Schema(extensions=[tasks.extension])) as client:
        run_id = await client.start("ann")

        assert tasks.handle(run_id).refresh().owner == "ann"
        if framework is not flask:
            for look in (client.stream, client.watch):
                assert [await look(run_id, user) for user in ("ann", "bob")] == ["COMPLETED", "TASK_NOT_FOUND"]


@pytest.mark.parametrize(
    "context",
    [
        {"request": SimpleNamespace(ctx=SimpleNamespace(user={"sub": "ann"}))},
        {"request": SimpleNamespace(context={"authorizer": {"claims": {"sub": "ann"}}})},
        {"request": SimpleNamespace(context={"authorizer": {"principalId": "ann", "tenant": "acme"}})},
    ],
    ids=["Sanic", "Chalice with a user pool", "Chalice with an authorizer of one's own"],
)
def test_the_user_of_other_frameworks(context: object) -> None:
    """The contexts that Strawberry's integration makes, with the user where the framework's own means put it."""
    viewer: Any = OwnerPolicy().viewer(context)

    assert viewer.id == "ann"
