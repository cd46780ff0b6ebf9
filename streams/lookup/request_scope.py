"""The outermost ASGI layer: routes on the path as it was sent, and measures every request.

Servers decode %2F before routing, so that an id with a slash would be two path segments. Here Litestar routes
on the encoded path, and the routes decode the ids that it found. Caller: `streams.lookup.application`.
"""

import time

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from streams.lookup.lookup_metrics import LookupMetrics


class RequestScope:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, metrics: LookupMetrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; the server is told to offer nothing but HTTP."""
        assert scope["type"] == ScopeType.HTTP
        scope["path"] = scope["raw_path"].decode("latin-1")
        status = 500

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        started = time.perf_counter()
        try:
            await self._app(scope, receive, observed)
        finally:
            route = scope.get("path_template") or "unknown"
            self._metrics.requests.labels(route, status).inc()
            self._metrics.request_seconds.labels(route).observe(time.perf_counter() - started)
