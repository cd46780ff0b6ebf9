"""HTTP/1.1 of the lookup: uvicorn's protocol, with a fast lane ahead of the application and limits.

uvicorn parses, queues pipelined requests, keeps connections alive and ends them; here is decided who answers,
what is too large to be read, and which clients are too fast or too slow. Caller:
`streams.lookup.http_server`.
"""

from functools import partial
from http import HTTPStatus
from typing import Any, NoReturn

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from streams.lookup.answer_headers import PROBLEM_JSON, STANDING_HEADERS, header_lines
from streams.lookup.fast_lane import FastLane, response_bytes
from streams.lookup.problems import ProblemError, not_encoded

MAX_URL_BYTES = 8 * 1024
"""An id has 256 bytes at most, which are 768 when percent-encoded."""
MAX_HEADER_BYTES = 16 * 1024
"""All headers with their names."""
MAX_BODY_BYTES = 16 * 1024
"""No route reads a body."""
MAX_WAITING_REQUESTS = 100
"""Requests that a client may send ahead of their answers."""
_SHOWN_PATH_BYTES = 256
_UNREADABLE = (
    "this cannot be read as an HTTP/1.1 request; percent-encode the path, and look for what is wrong or said "
    "twice in the headers"
)
_MAX_REQUEST_BYTES = MAX_URL_BYTES + MAX_HEADER_BYTES + MAX_BODY_BYTES


class _NotReadError(Exception):
    """Ends the parsing of a request; uvicorn then asks for the answer."""


class LookupProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, lane: FastLane, patience_s: float, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.url = b""
        self._lane = lane
        self._patience_s = patience_s
        self._answered_s = self.loop.time()
        self._ends_with_those_that_wait = False
        self._refusal: ProblemError | None = None
        self._received = 0
        self._body = 0
        self._in_body = False

    def end_if_still(self) -> None:
        """Hang up where for too long no answer was given, be it for want of a request or of a reader."""
        if self.loop.time() - self._answered_s > self._patience_s:
            self._lane.count_refusal(HTTPStatus.REQUEST_TIMEOUT)
            self.transport.abort()

    def data_received(self, data: bytes) -> None:
        """Parse; the parser would keep a head, or the end of a chunked body, of any length."""
        self._received += len(data)
        super().data_received(data)
        if self._received > _MAX_REQUEST_BYTES and not self.transport.is_closing():
            self._refusal = self._refusal or _bad_request("the request never ends")
            self.send_400_response("")

    def on_message_begin(self) -> None:
        """A request begins; what came with its first bytes is not counted."""
        if len(self.pipeline) >= MAX_WAITING_REQUESTS:
            last, _ = self.pipeline[0]
            last.keep_alive = False  # its answer says so: the client may ask for the rest anew
            self._ends_with_those_that_wait = True
            raise _NotReadError
        super().on_message_begin()
        self._received = 0
        self._body = 0
        self._in_body = False

    def on_url(self, url: bytes) -> None:
        """A piece of the URL."""
        super().on_url(url)
        if len(self.url) > MAX_URL_BYTES:
            self._refuse_size(HTTPStatus.REQUEST_URI_TOO_LONG, f"a URL has {MAX_URL_BYTES} bytes at most")
        if b"#" in url:
            self._refuse(not_encoded("#", "%23"))

    def on_headers_complete(self) -> None:
        """The head is there: who answers is decided when it is the request's turn."""
        if sum([len(name) + len(value) for name, value in self.headers]) > MAX_HEADER_BYTES:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._refuse_size(status, f"all headers have {MAX_HEADER_BYTES} bytes at most")
        super().on_headers_complete()
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        """A piece of a body, which nobody will read."""
        self._body += len(body)
        if self._body > MAX_BODY_BYTES:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            self._refuse_size(status, f"a body has {MAX_BODY_BYTES} bytes at most, and none is read")
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002  # uvicorn's words name no remedy
        """Answer what cannot be parsed or is too large, and end the connection.

        Where the answer to an earlier request is still to come, the connection ends without this one.
        """
        if self._ends_with_those_that_wait:
            return
        problem = self._refusal or _bad_request(_UNREADABLE)
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn types it as if it were always there
        if self._may_answer(cycle):
            path = self.url.partition(b"?")[0][:_SHOWN_PATH_BYTES].decode("latin-1")
            self.transport.write(_refusal_bytes(problem, problem.body(path)))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
        self._lane.count_refusal(problem.status)
        self.transport.close()

    def on_response_complete(self) -> None:
        """An answer was given."""
        self._answered_s = self.loop.time()
        super().on_response_complete()

    def _may_answer(self, cycle: RequestResponseCycle | None) -> bool:
        if cycle is None or cycle.response_complete:
            return not self._in_body
        return self._in_body and not cycle.response_started

    def _refuse_size(self, status: HTTPStatus, detail: str) -> NoReturn:
        self._refuse(ProblemError("request-too-large", status, "Request too large", detail))

    def _refuse(self, problem: ProblemError) -> NoReturn:
        self._refusal = problem
        raise _NotReadError

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: Any) -> None:
        """It is the request's turn; uvicorn calls this for one after the other."""
        leave = partial(super()._start_asgi_task, cycle, app)
        respond = partial(self._respond, cycle)
        # A client that does not read what it asked for waits in the application's send.
        if self.flow.write_paused or not self._lane.serve(cycle.scope, respond, leave):
            leave()

    def _respond(self, cycle: RequestResponseCycle, body: bytes) -> None:
        """The fast lane's answer, whole."""
        if cycle.disconnected:
            return
        date = self.server_state.default_headers
        self.transport.write(response_bytes(body, date, keep_alive=cycle.keep_alive))
        cycle.response_complete = True
        if not cycle.keep_alive:
            self.transport.close()
        cycle.on_response()


def _bad_request(detail: str) -> ProblemError:
    return ProblemError("", HTTPStatus.BAD_REQUEST, HTTPStatus.BAD_REQUEST.phrase, detail)


def _refusal_bytes(problem: ProblemError, body: bytes) -> bytes:
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *STANDING_HEADERS,
    ]
    return STATUS_LINE[problem.status] + header_lines(headers) + b"\r\n" + body
