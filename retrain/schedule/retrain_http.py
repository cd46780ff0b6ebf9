"""The retrain process' own small HTTP server: `/metrics` and `/healthz`, in a thread.

Caller: `retrain.schedule.retrain_service`.
"""

import threading
from collections.abc import Callable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from schemas.errors import UsageError


class RetrainHttp:
    """Serves metrics and health until it is stopped."""

    def __init__(self, host: str, port: int, registry: CollectorRegistry) -> None:
        """Bind the address.

        Raises:
            UsageError: the port is in use.
        """
        try:
            self._server = ThreadingHTTPServer((host, port), _handler(registry))
        except OSError as error:
            raise UsageError(
                f"MILLRACE_RETRAIN_PORT={port}: {host}:{port} cannot be used ({error.strerror}); choose "
                "another, or 0 for any"
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, name="retrain-http", daemon=True)

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


def _handler(registry: CollectorRegistry) -> type[BaseHTTPRequestHandler]:
    pages: dict[str, tuple[str, Callable[[], bytes]]] = {
        "/metrics": (CONTENT_TYPE_LATEST, lambda: generate_latest(registry)),
        "/healthz": ("application/json", lambda: b'{"status":"alive"}'),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:  # the name that http.server calls
            found = pages.get(self.path)
            status = HTTPStatus.OK if found else HTTPStatus.NOT_FOUND
            kind, body = found or ("application/json", lambda: b'{"status":"no such page"}')
            content = body()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the signature of http.server
            """Requests are not logged."""

    return Handler
