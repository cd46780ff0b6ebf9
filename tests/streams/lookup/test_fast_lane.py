"""The fast lane says what the framework says, over real connections."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import msgspec
import pytest

from schemas.ids import SessionId
from schemas.redis_keys import bucket_of, latest_key
from streams.lookup.application import create_application
from streams.lookup.fast_lane import Plain, plain_request
from streams.lookup.routes import Lookup
from tests.streams.lookup.shop_server import (
    BUCKETS,
    ShopServer,
    a_request,
    current_tables,
    shop_server,
    store_list,
)

LISTS = "/sessions/{}/recommendations"


@pytest.fixture
async def shop(redis_url: str, tmp_path: Path) -> AsyncIterator[ShopServer]:
    async with shop_server(redis_url, current_tables(tmp_path)) as shop:
        yield shop


async def by_the_framework(lookup: Lookup, path: str, host: str) -> httpx.Response:
    transport = httpx.ASGITransport(create_application(lookup))  # type: ignore[arg-type]  # Litestar's own types
    async with httpx.AsyncClient(transport=transport) as client:
        url = httpx.URL("http://lookup", raw_path=path.encode())
        return await client.get(url, headers={"host": host})


@pytest.mark.parametrize(
    ("segment", "query", "host"),
    [
        ("s1", "", "lookup"),
        ("s1", "?k=1", "lookup:8080"),
        ("s1", "?k=3", "127.0.0.1"),
        ("s1", "?k=1000", "lookup"),
        ("s1", "?k=1001", "lookup"),
        ("s1", "?k=0", "lookup"),
        ("s1", "?k=01", "lookup"),
        ("s1", "?k=", "lookup"),
        ("s1", "?k=1&k=3", "lookup"),
        ("s1", "?k=3&k=x", "lookup"),
        ("s1", "?k=2&colour=blue", "lookup"),
        ("s1", "?", "lookup"),
        ("s1", "?k=2&fallback=none", "lookup"),
        ("s1", "?k=1", "not a host"),
        ("s%31", "?k=2", "lookup"),
        ("a%2Fb", "", "lookup"),
        ("%2E%2E", "", "lookup"),
        ("%ff", "", "lookup"),
        ("%zz", "", "lookup"),
        ("a+b", "", "lookup"),
        ("new", "?k=1", "lookup"),
        ("new", "?fallback=none", "lookup"),
        ("damaged", "", "lookup"),
    ],
)
async def test_both_lanes_give_the_same_answer(shop: ShopServer, segment: str, query: str, host: str) -> None:
    for session in ("s1", "a/b", "..", "a+b", "%zz"):
        await store_list(shop.redis, session, ["x", "y", "z"])
    damaged = SessionId("damaged")
    await shop.redis.set(latest_key(bucket_of(damaged, BUCKETS), damaged), b"not JSON")
    path = LISTS.format(segment) + query
    served = await shop.ask(path, host=host)
    said = await by_the_framework(shop.lookup, path, host)
    assert (served.status, served.body) == (said.status_code, said.content)
    ours = {name: served.headers.get(name) for name in said.headers}
    assert ours == dict(said.headers)


def scope_of(path: str, query: str = "", method: str = "GET") -> dict[str, object]:
    return {
        "method": method,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "headers": [(b"host", b"lookup")],
    }


@pytest.mark.parametrize(
    ("scope", "plain"),
    [
        (scope_of("/sessions/s/recommendations", "k=20"), Plain(SessionId("s"), 20)),
        (scope_of("/sessions/s/recommendations"), Plain(SessionId("s"), None)),
        (scope_of("/sessions/s/recommendations", "k=20", "HEAD"), None),
        (scope_of("/sessions/s/recommendations/"), None),
        (scope_of("/sessions//recommendations"), None),
        (scope_of("/popular"), None),
    ],
)
def test_plain_requests_are_known_by_their_form(scope: dict[str, object], plain: Plain | None) -> None:
    assert plain_request(scope) == plain


async def test_pipelined_requests_are_answered_in_order(shop: ShopServer) -> None:
    await store_list(shop.redis, "s1", ["x"])
    await store_list(shop.redis, "s2", ["y"])
    paths = [LISTS.format("s1"), "/popular", LISTS.format("s2"), LISTS.format("new"), LISTS.format("s1")]
    async with shop.wire() as wire:
        wire.writer.write(b"".join(map(a_request, paths)))
        bodies = [msgspec.json.decode((await wire.answer()).body) for _ in paths]
    assert [body["items"][0]["item_id"] for body in bodies] == ["x", "a", "y", "a", "x"]


async def test_connection_ends_where_the_client_wants_it(shop: ShopServer) -> None:
    await store_list(shop.redis, "s1", ["x"])
    async with shop.wire() as wire:
        answer = await wire.ask(LISTS.format("s1"), connection="close")
        assert (answer.status, answer.headers["connection"]) == (200, "close")
        assert await wire.has_ended()


async def test_client_that_hangs_up_harms_nobody(shop: ShopServer) -> None:
    await store_list(shop.redis, "s1", ["x"])
    for _ in range(5):
        async with shop.wire() as wire:
            wire.writer.write(a_request(LISTS.format("s1")))
            await wire.writer.drain()
            wire.writer.transport.abort()
    assert (await shop.ask(LISTS.format("s1"))).status == 200


async def test_refused_request_counts_once_against_the_rate(redis_url: str, tmp_path: Path) -> None:
    limits = {"lookup_api_keys": ["key"], "lookup_rate_limit": 3}
    async with shop_server(redis_url, current_tables(tmp_path), **limits) as shop:
        statuses = [(await shop.ask(LISTS.format("s1"), x_api_key="guess")).status for _ in range(4)]
    assert statuses == [401, 401, 401, 429]


async def test_answers_of_the_fast_lane_are_counted(shop: ShopServer) -> None:
    await store_list(shop.redis, "s1", ["x"])
    for _ in range(3):
        await shop.ask(LISTS.format("s1"))
    text = (await shop.ask("/metrics")).body.decode()
    route = 'route="/sessions/{session_id}/recommendations",status="200"'
    assert f"millrace_lookup_requests_total{{{route}}} 3.0" in text


@pytest.mark.parametrize("path", ["/popular", LISTS.format("s1"), "/healthz", "/schema", "/items/nope"])
async def test_head_is_a_get_without_its_body(shop: ShopServer, path: str) -> None:
    await store_list(shop.redis, "s1", ["x"])
    whole = await shop.ask(path)
    async with shop.wire() as wire:
        head = await wire.ask(path, "HEAD")
        assert (head.status, head.body) == (whole.status, b"")
        same = ("content-type", "content-length", "x-content-type-options", "cache-control")
        assert [head.headers[name] for name in same] == [whole.headers[name] for name in same]
        assert (await wire.ask("/healthz")).status == 200
