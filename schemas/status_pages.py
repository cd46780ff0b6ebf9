"""The pages of a process' own small HTTP port, beside `prometheus_client`'s: metrics, `/healthz`, `/readyz`.

Owns what is answered, how long a client may take, and that the server ends; which server it is the callers
say. Callers: `streams.worker_http`, `retrain.status_port`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from http import HTTPStatus
from threading import Thread
from typing import TYPE_CHECKING, Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

from schemas.errors import UsageError

if TYPE_CHECKING:
    from wsgiref.types import StartResponse, WSGIEnvironment

Page = Callable[[], tuple[HTTPStatus, Mapping[str, Any]]]
"""What a page answers, as JSON."""
PATIENCE_S = 10.0
"""A client that is silent for longer, or takes no answer, loses its connection, and frees its thread."""


def alive() -> tuple[HTTPStatus, Mapping[str, Any]]:
    """`/healthz`: whoever can answer lives."""
    return HTTPStatus.OK, {"status": "alive"}


@contextmanager
def serving(
    start: Callable[[], tuple[WSGIServer, Thread]],
    setting: str,
    host: str,
    port: int,
    pages: Mapping[str, Page],
) -> Iterator[str]:
    """Serve metrics and pages within the context, at this URL.

    Args:
        start: `prometheus_client.start_http_server`, bound to what it listens on.
        setting: the variable that says the port, for the message.
        host: the address.
        port: 0 for any.
        pages: by their paths.

    Raises:
        UsageError: the port is in use.
    """
    try:
        server, thread = start()
    except OSError as error:
        raise UsageError(
            f"{setting}={port}: {host}:{port} cannot be used ({error.strerror}); choose another, or 0 for any"
        ) from error
    add_pages(server, pages)
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def add_pages(server: WSGIServer, pages: Mapping[str, Page]) -> None:
    """Have a server of metrics answer these paths, and no others but `/metrics`.

    Args:
        server: as `prometheus_client.start_http_server` makes it.
        pages: by their paths.
    """
    metrics = server.get_app()
    assert metrics is not None
    handler: Any = server.RequestHandlerClass

    class PatientHandler(handler):  # type: ignore[misc]  # the class is known when it runs
        timeout = PATIENCE_S

        def handle(self: WSGIRequestHandler) -> None:
            with suppress(TimeoutError):
                handler.handle(self)

    def answer(environ: "WSGIEnvironment", start_response: "StartResponse") -> Iterable[bytes]:
        path = environ["PATH_INFO"]
        if path == "/metrics":
            return metrics(environ, start_response)
        page = pages.get(path)
        status, content = (HTTPStatus.NOT_FOUND, {"status": "no such page"}) if page is None else page()
        body = json.dumps(content).encode()
        headers = [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
        start_response(f"{status.value} {status.phrase}", headers)
        return [body]

    server.RequestHandlerClass = PatientHandler
    server.set_app(answer)
