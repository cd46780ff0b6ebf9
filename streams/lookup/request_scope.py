"""The outermost ASGI layer: admits, routes on the path as it was sent, and measures every request.

Servers decode %2F before routing, so that an id with a slash would be two path segments. Here Litestar routes
on the encoded path, and the routes decode the ids that it found. A HEAD is a GET whose body stays here.
Caller: `streams.lookup.application`.
"""

import time
from typing import Any

from litestar.enums import ScopeType
from litestar.types import ASGIApp, Message, Receive, Scope, Send

from streams.lookup.admission import REFUSAL, Admission
from streams.lookup.answer_headers import PROBLEM_JSON, STANDING_HEADERS
from streams.lookup.lookup_metrics import REFUSED, LookupMetrics, RequestMeter
from streams.lookup.problems import ProblemError, not_encoded, unknown_path
from streams.lookup.schema_page import PAGE_HEADERS

_SLASHES_WITHOUT_ID = 2
"""`/schema/` is `/schema`."""


class RequestScope:
    """Wraps the application."""

    def __init__(self, app: ASGIApp, admission: Admission, metrics: LookupMetrics) -> None:
        self._app = app
        self._admission = admission
        self._meter = RequestMeter(metrics)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request; the server is told to offer nothing but HTTP."""
        assert scope["type"] == ScopeType.HTTP
        started_s = time.perf_counter()
        inner: Any = {**scope, "path": scope["raw_path"].decode("latin-1")}
        answer = _Answer(send, is_head=scope["method"] == "HEAD")
        if answer.is_head:
            inner["method"] = "GET"
        try:
            judged: Any = scope.get("state", {})
            refusal = judged[REFUSAL] if REFUSAL in judged else self._admission.refusal(scope)
            if refusal is not None:
                inner["path_template"] = REFUSED
                await _refuse(refusal, inner["path"], answer.send)
            elif mistaken := _mistaken(inner):
                await _refuse(mistaken, inner["path"], answer.send)
            else:
                await self._app(inner, receive, answer.send)
        finally:
            route = inner.get("path_template") or "unknown"
            self._meter.observe(route, answer.status, time.perf_counter() - started_s)


def _mistaken(scope: Any) -> ProblemError | None:
    """Why a request would be taken for one of another id than its sender meant; None where it would not."""
    path: str = scope["path"]
    ends_empty = path.endswith("/") and path.count("/") > _SLASHES_WITHOUT_ID
    if "//" in path or ends_empty:  # the framework would leave the empty segment out
        return unknown_path(path)
    return not_encoded("?", "%3F") if scope["method"] == "DELETE" and scope["query_string"] else None


class _Answer:
    """What goes out: with the standing headers, its status remembered, a HEAD's without its body."""

    def __init__(self, send: Send, *, is_head: bool) -> None:
        self._send = send
        self.is_head = is_head
        self.status = 500

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            message["headers"] = [*map(_with_head_allowed, message["headers"]), *_standing(message)]
        elif self.is_head and message["type"] == "http.response.body":
            message["body"] = b""
        await self._send(message)


def _standing(message: Any) -> tuple[tuple[bytes, bytes], ...]:
    is_page = any(
        name == b"content-type" and value.startswith(b"text/html") for name, value in message["headers"]
    )
    return PAGE_HEADERS if is_page else STANDING_HEADERS


def _with_head_allowed(header: tuple[bytes, bytes]) -> tuple[bytes, bytes]:
    """`Allow` as the framework gives it, and HEAD wherever GET is."""
    name, value = header
    if name != b"allow" or b"GET" not in value:
        return header
    return name, value.replace(b"GET", b"GET, HEAD", 1)


async def _refuse(problem: ProblemError, path: str, send: Send) -> None:
    body = problem.body(path)
    headers = {"content-type": PROBLEM_JSON, "content-length": str(len(body)), **problem.headers}
    encoded = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": problem.status, "headers": encoded})
    await send({"type": "http.response.body", "body": body, "more_body": False})
