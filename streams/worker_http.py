"""The worker's own small HTTP server: `/metrics`, `/healthz`, `/readyz`.

In a thread, so that a busy loop still answers.

Caller: `streams.worker`.
"""

import json
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from schemas.errors import UsageError
from streams.health import Health


class WorkerHttp:
    """Serves metrics and health until it is stopped."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry, health: Health) -> None:
        """Bind the address.

        Raises:
            UsageError: the port is in use.
        """
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(registry, health))
        except OSError as error:
            raise UsageError(
                f"MILLRACE_WORKER_PORT={port}: {host}:{port} cannot be used ({error.strerror}); choose "
                "another, or 0 for any"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="worker-http", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return int(self._server.server_address[1])

    def start(self) -> None:
        """Serve from now on."""
        self._thread.start()

    def stop(self) -> None:
        """Close the port."""
        self._server.shutdown()
        self._server.server_close()


def _handler(registry: CollectorRegistry, health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            if self.path == "/metrics":
                self._answer(HTTPStatus.OK, CONTENT_TYPE_LATEST, generate_latest(registry))
            elif self.path == "/healthz":
                self._answer(HTTPStatus.OK, "application/json", b'{"status":"alive"}')
            elif self.path == "/readyz":
                ready = health.is_ready
                status = HTTPStatus.OK if ready else HTTPStatus.SERVICE_UNAVAILABLE
                body = json.dumps({"status": "ready" if ready else "not ready", "troubles": health.troubles})
                self._answer(status, "application/json", body.encode())
            else:
                self._answer(HTTPStatus.NOT_FOUND, "application/json", b'{"status":"no such page"}')

        def _answer(self, status: HTTPStatus, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature of http.server
            """Requests are not logged."""

    return Handler
