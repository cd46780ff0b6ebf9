"""What is too large, or no HTTP, is refused with a problem, and harms no other request."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from streams.lookup.http_protocol import MAX_BODY_BYTES, MAX_HEADER_BYTES, MAX_URL_BYTES
from tests.streams.lookup.shop_server import (
    Answer,
    ShopServer,
    a_request,
    current_tables,
    shop_server,
    store_list,
)

PIECE = b"x" * 65_536


@pytest.fixture
async def shop(redis_url: str, tmp_path: Path) -> AsyncIterator[ShopServer]:
    async with shop_server(redis_url, current_tables(tmp_path)) as shop:
        yield shop


def check_problem(answer: Answer, status: int) -> dict[str, object]:
    problem = msgspec.json.decode(answer.body)
    assert (answer.status, problem["status"]) == (status, status)
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-content-type-options"] == "nosniff"
    return dict(problem)


async def refused(shop: ShopServer, request: bytes, status: int) -> dict[str, object]:
    async with shop.wire() as wire:
        wire.writer.write(request)
        problem = check_problem(await wire.answer(), status)
        assert await wire.has_ended()
    assert (await shop.ask("/healthz")).status == 200
    return problem


async def test_longest_url_is_answered_and_a_longer_one_refused(shop: ShopServer) -> None:
    path = "/sessions/{}/recommendations"
    longest = path.format("s" * (MAX_URL_BYTES - len(path) + 2))
    assert (await shop.ask(longest)).status == 200
    problem = await refused(shop, a_request(longest + "s"), 414)
    assert problem["type"] == "urn:millrace:problem:request-too-large"
    assert str(MAX_URL_BYTES) in str(problem["detail"])


async def test_large_headers_are_refused(shop: ShopServer) -> None:
    assert (await shop.ask("/popular", cookie="c" * (MAX_HEADER_BYTES - 100))).status == 200
    await refused(shop, a_request("/popular", cookie="c" * MAX_HEADER_BYTES), 431)


async def test_large_body_is_refused(shop: ShopServer) -> None:
    small = a_request("/popular", content_length="100") + b"x" * 100
    async with shop.wire() as wire:
        wire.writer.write(small)
        assert (await wire.answer()).status == 200
        assert (await wire.ask("/healthz")).status == 200
    size = MAX_BODY_BYTES + 1
    await refused(shop, a_request("/popular", content_length=str(size)) + b"x" * size, 413)


@pytest.mark.parametrize(
    "start",
    [
        b"GET /popular?",
        b"GET /popular HTTP/1.1\r\nHost: lookup\r\nCookie: ",
        b"GET /popular HTTP/1.1\r\nHost: lookup\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nTrailer: ",
    ],
)
async def test_request_without_an_end_is_cut_off(shop: ShopServer, start: bytes) -> None:
    async with shop.wire() as wire:
        wire.writer.write(start)
        for _ in range(50):
            if wire.writer.transport.is_closing():
                break
            wire.writer.write(PIECE)
            try:
                await wire.writer.drain()
            except ConnectionError:
                break
        assert await wire.has_ended_at_last()


@pytest.mark.parametrize(
    "request_", [b"hello\r\n\r\n", b"GET /popular HTTP/9\r\n\r\n", b"GET  HTTP/1.1\r\n\r\n"]
)
async def test_what_is_no_http_is_a_problem(shop: ShopServer, request_: bytes) -> None:
    await refused(shop, request_, 400)


async def test_refusal_waits_for_no_earlier_answer_and_takes_none_of_its_place(shop: ShopServer) -> None:
    await store_list(shop.redis, "s1", ["x"])
    good = a_request("/sessions/s1/recommendations")
    async with shop.wire() as wire:
        wire.writer.write(good + a_request("/popular", cookie="c" * MAX_HEADER_BYTES))
        assert await wire.reader.read() == b""


async def test_refusals_are_counted(shop: ShopServer) -> None:
    await refused(shop, b"hello\r\n\r\n", 400)
    text = (await shop.ask("/metrics")).body.decode()
    assert 'millrace_lookup_requests_total{route="refused",status="400"} 1.0' in text
