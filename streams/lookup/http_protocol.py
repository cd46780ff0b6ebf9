"""HTTP/1.1 of the lookup: uvicorn's protocol, with a fast lane ahead of the application and limits of size.

uvicorn parses, queues pipelined requests, keeps connections alive and ends them; here is decided who answers,
and what is too large to be read. Caller: `streams.lookup.http_server`.
"""

from functools import partial
from http import HTTPStatus
from typing import Any, NoReturn

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle

from streams.lookup.answer_headers import PROBLEM_JSON, STANDING_HEADERS, header_lines
from streams.lookup.fast_lane import FastLane, response_bytes
from streams.lookup.problems import ProblemError

MAX_URL_BYTES = 8 * 1024
"""An id has 256 bytes at most, which are 768 when percent-encoded."""
MAX_HEADER_BYTES = 16 * 1024
"""All headers with their names."""
MAX_BODY_BYTES = 16 * 1024
"""No route reads a body."""
_SHOWN_PATH_BYTES = 256
_MAX_REQUEST_BYTES = MAX_URL_BYTES + MAX_HEADER_BYTES + MAX_BODY_BYTES


class _TooLargeError(Exception):
    """Ends the parsing of a request; uvicorn then asks for the answer."""


class LookupProtocol(HttpToolsProtocol):
    """One connection."""

    def __init__(self, *arguments: Any, lane: FastLane, **named: Any) -> None:
        super().__init__(*arguments, **named)
        self.url = b""
        self._lane = lane
        self._refusal: ProblemError | None = None
        self._received = 0
        self._body = 0
        self._in_body = False

    def data_received(self, data: bytes) -> None:
        """Parse; the parser would keep a head, or the end of a chunked body, of any length."""
        self._received += len(data)
        super().data_received(data)
        if self._received > _MAX_REQUEST_BYTES and not self.transport.is_closing():
            self.send_400_response("the request never ends")

    def on_message_begin(self) -> None:
        """A request begins; what came with its first bytes is not counted."""
        super().on_message_begin()
        self._received = 0
        self._body = 0
        self._in_body = False

    def on_url(self, url: bytes) -> None:
        """A piece of the URL."""
        super().on_url(url)
        if len(self.url) > MAX_URL_BYTES:
            self._refuse(HTTPStatus.REQUEST_URI_TOO_LONG, f"a URL has {MAX_URL_BYTES} bytes at most")

    def on_headers_complete(self) -> None:
        """The head is there: who answers is decided when it is the request's turn."""
        if sum([len(name) + len(value) for name, value in self.headers]) > MAX_HEADER_BYTES:
            status = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            self._refuse(status, f"all headers have {MAX_HEADER_BYTES} bytes at most")
        super().on_headers_complete()
        self._in_body = True

    def on_body(self, body: bytes) -> None:
        """A piece of a body, which nobody will read."""
        self._body += len(body)
        if self._body > MAX_BODY_BYTES:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            self._refuse(status, f"a body has {MAX_BODY_BYTES} bytes at most, and none is read")
        super().on_body(body)

    def send_400_response(self, msg: str) -> None:
        """Answer what cannot be parsed or is too large, and end the connection.

        Where the answer to an earlier request is still to come, the connection ends without this one.
        """
        phrase = HTTPStatus.BAD_REQUEST.phrase
        problem = self._refusal or ProblemError("", HTTPStatus.BAD_REQUEST, phrase, msg)
        cycle: RequestResponseCycle | None = self.cycle  # uvicorn types it as if it were always there
        if self._may_answer(cycle):
            path = self.url.partition(b"?")[0][:_SHOWN_PATH_BYTES].decode("latin-1")
            self.transport.write(_refusal_bytes(problem, problem.body(path)))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
        self._lane.count_refusal(problem.status)
        self.transport.close()

    def _may_answer(self, cycle: RequestResponseCycle | None) -> bool:
        if cycle is None or cycle.response_complete:
            return not self._in_body
        return self._in_body and not cycle.response_started

    def _refuse(self, status: HTTPStatus, detail: str) -> NoReturn:
        self._refusal = ProblemError("request-too-large", status, "Request too large", detail)
        raise _TooLargeError

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


def _refusal_bytes(problem: ProblemError, body: bytes) -> bytes:
    headers = [
        (b"content-type", PROBLEM_JSON.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        *STANDING_HEADERS,
    ]
    return STATUS_LINE[problem.status] + header_lines(headers) + b"\r\n" + body
