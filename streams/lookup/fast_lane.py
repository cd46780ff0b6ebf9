"""The route of the latest lists, ahead of the framework: for plain requests, without a task of their own.

It answers what is usual and leaves all else (other parameters, sessions without a list, troubles) to the
route `session_recommendations`, which says the same. Caller: `streams.lookup.http_protocol`.
"""

import re
import time
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple, cast
from urllib.parse import unquote

import msgspec

from schemas.errors import Unavailable
from schemas.ids import SessionId
from schemas.recommendation_list import cut_recommendation_list
from streams.lookup.admission import REFUSAL
from streams.lookup.answer_headers import JSON, STANDING_HEADERS, header_lines
from streams.lookup.lookup_metrics import REFUSED, RequestMeter
from streams.lookup.routes import RECOMMENDATIONS, Lookup

_PATH = re.compile(rb"/sessions/([^/]+)/recommendations")
_QUERY = re.compile(rb"(?:k=([1-9]\d{0,2}|1000))?")
_HOST = re.compile(rb"[A-Za-z0-9.-]+(?::\d{1,5})?")
"""What the framework takes for a host as well; it judges the rest."""
_HEAD = b"HTTP/1.1 200 OK\r\n" + header_lines([(b"content-type", JSON.encode()), *STANDING_HEADERS])
_CLOSE = header_lines([(b"connection", b"close")])


class Plain(NamedTuple):
    """A plain request for a session's latest list."""

    session_id: SessionId
    k: int | None


class FastLane:
    """Answers plain requests with the bytes of a whole HTTP response."""

    def __init__(self, lookup: Lookup) -> None:
        self._lookup = lookup
        self._meter = RequestMeter(lookup.metrics)

    def serve(self, scope: Any, respond: Callable[[bytes], None], leave: Callable[[], None]) -> bool:
        """Begin to answer a request, if it is plain.

        Args:
            scope: the request's ASGI scope, its path as it was sent.
            respond: called with the body of the answer 200.
            leave: called in its stead where the framework shall answer.

        Returns:
            Whether one of the two will be called.
        """
        plain = plain_request(scope)
        if plain is None:
            return False
        scope["state"][REFUSAL] = refusal = self._lookup.admission.refusal(scope)
        if refusal is not None:
            return False
        started_s = time.perf_counter()

        def answered(stored: Any) -> None:
            body = self._body(plain, stored)
            if body is None:
                leave()
                return
            respond(body)
            self._meter.observe(RECOMMENDATIONS, 200, time.perf_counter() - started_s)

        self._lookup.redis.latest_lists.ask(plain.session_id).add_done_callback(answered)
        return True

    def count_refusal(self, status: int) -> None:
        """A request was refused before anybody could answer it."""
        self._meter.observe(REFUSED, status, 0.0)

    def _body(self, plain: Plain, stored: Any) -> bytes | None:
        """The stored list, cut; None where there is none to be had."""
        try:
            value = cast("bytes | None", stored.result())
            return value and cut_recommendation_list(value, plain.k or self._lookup.k)
        except (Unavailable, msgspec.DecodeError):
            return None


def plain_request(scope: Any) -> Plain | None:
    """What a request asks for, if it is a GET of a latest list with nothing but a right k."""
    path = _PATH.fullmatch(scope["raw_path"])
    query = _QUERY.fullmatch(scope["query_string"])
    if path is None or query is None or scope["method"] != "GET" or not _has_plain_host(scope):
        return None
    try:
        session_id = unquote(path[1].decode("ascii"), errors="strict")
    except UnicodeDecodeError:
        return None
    return Plain(SessionId(session_id), int(query[1]) if query[1] else None)


def response_bytes(body: bytes, headers: Iterable[tuple[bytes, bytes]], *, keep_alive: bool) -> bytes:
    """A whole answer 200, with the server's own headers beside ours."""
    more = header_lines(headers) + (b"" if keep_alive else _CLOSE)
    return b"%b%bcontent-length: %d\r\n\r\n%b" % (_HEAD, more, len(body), body)


def _has_plain_host(scope: Any) -> bool:
    for name, value in scope["headers"]:
        if name == b"host":
            return _HOST.fullmatch(value) is not None
    return True
