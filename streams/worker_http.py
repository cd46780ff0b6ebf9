"""The worker's own small HTTP server: `/metrics`, `/healthz`, `/readyz`.

In a thread, so that a busy loop still answers.

Caller: `streams.worker`.
"""

from collections.abc import Mapping
from contextlib import AbstractContextManager
from functools import partial
from http import HTTPStatus
from typing import Any

from prometheus_client import CollectorRegistry, start_http_server

from schemas.status_pages import alive, serving
from streams.health import Health


def worker_http(
    host: str, port: int, registry: CollectorRegistry, health: Health
) -> AbstractContextManager[str]:
    """Serve metrics and health within the context, at this URL.

    Raises:
        UsageError: the port is in use.
    """

    def ready() -> tuple[HTTPStatus, Mapping[str, Any]]:
        if health.is_ready:
            return HTTPStatus.OK, {"status": "ready", "troubles": health.troubles}
        return HTTPStatus.SERVICE_UNAVAILABLE, {"status": "not ready", "troubles": health.troubles}

    pages = {"/healthz": alive, "/readyz": ready}
    start = partial(start_http_server, port, host, registry)
    return serving(start, "MILLRACE_WORKER_PORT", host, port, pages)
