"""The worker's own small HTTP server: `/metrics`, `/healthz`, `/readyz`.

In a thread, so that a busy loop still answers.

Caller: `streams.worker`.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server

from schemas.errors import UsageError
from schemas.status_pages import add_pages, alive, port_refused
from streams.health import Health


@contextmanager
def worker_http(host: str, port: int, registry: CollectorRegistry, health: Health) -> Iterator[str]:
    """Serve metrics and health within the context, at this URL.

    Raises:
        UsageError: the port is in use.
    """

    def ready() -> tuple[HTTPStatus, Mapping[str, Any]]:
        if health.is_ready:
            return HTTPStatus.OK, {"status": "ready", "troubles": health.troubles}
        return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready", "troubles": health.troubles}

    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise UsageError(port_refused("MILLRACE_WORKER_PORT", host, port, error)) from error
    add_pages(server, {"/healthz": alive, "/readyz": ready})
    try:
        yield f"http://{host}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
