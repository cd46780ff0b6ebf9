"""Clients that send too much at once, too little, or what two servers could read in two ways."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from streams.lookup.http_protocol import MAX_WAITING_REQUESTS
from tests.streams.lookup.shop_server import (
    Answer,
    ShopServer,
    Wire,
    a_request,
    current_tables,
    shop_server,
    store_list,
)
from tests.waiting import DEADLINE_S, until

PATIENCE_S = 0.3
LISTS = "/sessions/s1/recommendations"


@pytest.fixture
async def shop(redis_url: str, tmp_path: Path) -> AsyncIterator[ShopServer]:
    async with shop_server(redis_url, current_tables(tmp_path)) as shop:
        await store_list(shop.redis, "s1", ["x", "y"])
        yield shop


@pytest.fixture
async def impatient_shop(redis_url: str, tmp_path: Path) -> AsyncIterator[ShopServer]:
    async with shop_server(redis_url, current_tables(tmp_path), PATIENCE_S) as shop:
        yield shop


def waiting_requests(shop: ShopServer) -> int:
    return max((len(one.pipeline) for one in shop.server.server_state.connections), default=0)  # type: ignore[union-attr]


async def answers_until_the_end(wire: Wire) -> list[Answer]:
    answers = []
    with contextlib.suppress(asyncio.IncompleteReadError, ConnectionResetError):
        while True:
            answers.append(await wire.answer())
    return answers


@pytest.mark.parametrize("path", [LISTS, "/popular"])
async def test_as_many_requests_as_may_wait_are_all_answered(shop: ShopServer, path: str) -> None:
    count = MAX_WAITING_REQUESTS + 1  # one is being answered
    async with shop.wire() as wire:
        wire.writer.write(a_request(path) * count)
        answers = [await wire.answer() for _ in range(count)]
        assert {answer.status for answer in answers} == {200}
        assert (await wire.ask("/healthz")).status == 200


@pytest.mark.parametrize("path", [LISTS, "/popular"])
async def test_of_more_the_first_are_answered_and_the_connection_ends(shop: ShopServer, path: str) -> None:
    async with shop.wire() as wire:
        wire.writer.write(a_request(path) * 5 * MAX_WAITING_REQUESTS)
        answers = await answers_until_the_end(wire)
    assert len(answers) >= MAX_WAITING_REQUESTS
    assert {answer.status for answer in answers} == {200}
    assert [answer.headers.get("connection") for answer in answers[-2:]] == [None, "close"]


async def test_flood_of_requests_is_read_no_further_than_that(shop: ShopServer) -> None:
    most = 0
    async with shop.wire() as wire:
        while not wire.writer.transport.is_closing():
            wire.writer.write(a_request("/popular") * 20)
            await asyncio.sleep(0)  # the server's turn
            most = max(most, waiting_requests(shop))
    assert MAX_WAITING_REQUESTS // 2 < most <= MAX_WAITING_REQUESTS


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"GET /popular HTTP/1.1\r\nHost: lookup\r\n",
        b"GET /popular HTTP/1.1\r\nHost: lookup\r\nContent-Length: 9\r\n\r\n1",
        a_request("/popular") + b"\r\n",
    ],
)
async def test_client_that_does_not_end_its_request_is_hung_up_on(
    impatient_shop: ShopServer, start: bytes
) -> None:
    async with impatient_shop.wire() as wire:
        wire.writer.write(start)
        await until(lambda: impatient_shop.server.server_state.connections)
        await until(lambda: not impatient_shop.server.server_state.connections)


async def test_client_that_sends_byte_by_byte_is_hung_up_on(impatient_shop: ShopServer) -> None:
    async with impatient_shop.wire() as wire:
        wire.writer.write(b"GET /popular HTTP/1.1\r\nCookie: ")
        async with asyncio.timeout(DEADLINE_S):
            while not wire.reader.at_eof() and wire.reader.exception() is None:
                wire.writer.write(b"c")
                await asyncio.sleep(PATIENCE_S / 10)  # slowly, but never silent


async def test_client_that_takes_no_answers_is_hung_up_on(impatient_shop: ShopServer) -> None:
    await store_list(impatient_shop.redis, "s1", ["x" * 250] * 1000)
    connections = impatient_shop.server.server_state.connections
    with socket.create_connection(("127.0.0.1", impatient_shop.port)) as client:
        client.sendall(a_request(f"{LISTS}?k=1000") * MAX_WAITING_REQUESTS)
        await until(lambda: any(one.flow.write_paused for one in connections))  # type: ignore[union-attr]
        await until(lambda: not connections)


async def test_client_that_was_hung_up_on_is_counted(impatient_shop: ShopServer) -> None:
    async with impatient_shop.wire() as wire:
        wire.writer.write(b"GET ")
        assert await wire.has_ended_at_last()
    text = (await impatient_shop.ask("/metrics")).body.decode()
    assert 'millrace_lookup_requests_total{route="refused",status="408"} 1.0' in text


SMUGGLED = b"GET /metrics HTTP/1.1\r\nHost: lookup\r\n\r\n"


@pytest.mark.parametrize(
    "headers",
    [
        b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"Content-Length: 0\r\nContent-Length: 40\r\n\r\n",
        b"Content-Length: +0\r\n\r\n",
        b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
        b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n",
        b"Cookie: a\r\n folded\r\n\r\n",
        b"Cookie: a\n\r\n",
        b"Cookie: \x00\r\n\r\n",
        b": nameless\r\n\r\n",
    ],
)
async def test_request_that_can_be_read_in_two_ways_is_refused(shop: ShopServer, headers: bytes) -> None:
    async with shop.wire() as wire:
        wire.writer.write(b"GET /popular HTTP/1.1\r\nHost: lookup\r\n" + headers + SMUGGLED)
        (answer,) = await answers_until_the_end(wire)
    assert answer.status == 400


async def test_body_of_a_request_for_another_protocol_is_no_request(shop: ShopServer) -> None:
    async with shop.wire() as wire:
        upgrade = a_request(
            "/popular", connection="upgrade", upgrade="h2c", content_length=str(len(SMUGGLED))
        )
        wire.writer.write(upgrade + SMUGGLED)
        assert b"popular" in (await wire.answer()).body
        assert (await wire.ask("/healthz")).body == b'{"status":"alive"}'


async def test_what_clients_do_wrong_fills_no_log(shop: ShopServer, caplog: pytest.LogCaptureFixture) -> None:
    async with shop.wire() as wire:
        assert (await wire.ask("/popular", connection="upgrade", upgrade="h2c")).status == 200
        wire.writer.write(b"hello\r\n\r\n")
        assert (await wire.answer()).status == 400
    assert caplog.records == []


async def test_what_cannot_be_read_is_refused_with_a_remedy(shop: ShopServer) -> None:
    async with shop.wire() as wire:
        wire.writer.write("GET /sessions/ä/recommendations HTTP/1.1\r\nHost: lookup\r\n\r\n".encode())
        detail = msgspec.json.decode((await wire.answer()).body)["detail"]
    assert "percent-encode" in detail
