"""The pages of the small HTTP ports, on a real socket."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from http import HTTPStatus
from wsgiref.simple_server import WSGIServer

import httpx
import pytest
from prometheus_client import CollectorRegistry, Gauge, start_http_server

from schemas import status_pages
from schemas.status_pages import add_pages, alive


@pytest.fixture
def server() -> Iterator[WSGIServer]:
    registry = CollectorRegistry()
    Gauge("millrace_ready", "1 while ready", registry=registry).set(1)
    server, thread = start_http_server(0, "127.0.0.1", registry)
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def ask(server: WSGIServer, path: str) -> httpx.Response:
    return httpx.get(f"http://127.0.0.1:{server.server_port}{path}", trust_env=False)


def test_each_path_has_its_page_and_others_have_none(server: WSGIServer) -> None:
    add_pages(
        server,
        {"/healthz": alive, "/readyz": lambda: (HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready"})},
    )
    assert ask(server, "/healthz").json() == {"status": "alive"}
    unready = ask(server, "/readyz")
    assert (unready.status_code, unready.json()) == (503, {"status": "not ready"})
    assert "millrace_ready 1.0" in ask(server, "/metrics").text
    for path in ("/", "/nope", "/metrics/more"):
        nothing = ask(server, path)
        assert (nothing.status_code, nothing.json()) == (404, {"status": "no such page"})


@pytest.mark.parametrize("sent", [b"", b"GET /healthz HT", b"GET /healthz HTTP/1.1\r\nHost: a\r\n"])
def test_silent_client_loses_its_connection_without_a_word(
    server: WSGIServer,
    sent: bytes,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(status_pages, "PATIENCE_S", 0.05)
    add_pages(server, {"/healthz": alive})
    with ExitStack() as stack:
        client = stack.enter_context(socket.create_connection(("127.0.0.1", server.server_port), 30))
        client.sendall(sent)
        assert client.recv(1) == b""
    assert ask(server, "/healthz").json() == {"status": "alive"}
    assert capfd.readouterr().err == ""
