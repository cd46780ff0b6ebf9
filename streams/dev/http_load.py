"""HTTP requests over several connections, as fast as they are answered or at a fixed rate.

At a rate the loop is open: a request has its time whether or not earlier ones are answered, and its latency
counts from that time, so that a server that stands still is charged for all who would have come meanwhile.
One thread and `select`, whose timeout is finer than an event loop's. Caller: `streams.dev.bench_lookup`.
"""

import select
import socket
import time
from collections import deque
from collections.abc import Sequence
from contextlib import ExitStack

from schemas.errors import Unavailable

_SILENCE_S = 10.0
_READ_BYTES = 65_536
_OK = b"HTTP/1.1 200"
_LENGTH = b"\r\ncontent-length: "


class Connection:
    """One keep-alive connection with at most one request under way."""

    def __init__(self, stream: socket.socket) -> None:
        self._socket = stream
        self._answer = b""
        self._due_s = 0.0

    def fileno(self) -> int:
        """For `select`."""
        return self._socket.fileno()

    def ask(self, request: bytes, due_s: float) -> None:
        """Send a request whose time was `due_s`."""
        self._due_s = due_s
        self._socket.sendall(request)

    def read(self) -> float | None:
        """Read what has come; the seconds since the request's time once its answer is whole.

        Raises:
            Unavailable: it is not 200, or the connection has ended.
        """
        piece = self._socket.recv(_READ_BYTES)
        self._answer += piece
        head, _, body = self._answer.partition(b"\r\n\r\n")
        if not piece or head[: len(_OK)] != _OK[: len(head)]:
            first_line = head.partition(b"\r\n")[0].decode(errors="replace")
            raise Unavailable(f"the server answered {first_line or 'nothing and hung up'}")
        length = head.lower().partition(_LENGTH)[2].partition(b"\r\n")[0]
        if not length or len(body) < int(length):
            return None
        self._answer = b""
        return time.perf_counter() - self._due_s


class HttpLoad:
    """The requests of one run."""

    def __init__(self, requests: Sequence[bytes], seconds: float, rate: float | None) -> None:
        """Plan them.

        Args:
            requests: whole requests, sent round and round.
            seconds: for how long requests have their time.
            rate: requests/s; None: as soon as a connection is free.
        """
        self._requests = requests
        self._rate = rate
        self._count = None if rate is None else max(1, int(rate * seconds))
        self._seconds = seconds
        self._sent = 0
        self._started_s = time.perf_counter()
        self.latencies_s: list[float] = []

    def run(self, connections: Sequence[Connection]) -> list[float]:
        """Send all and await every answer.

        Returns:
            Seconds from each request's time to its answer.

        Raises:
            Unavailable: an answer is not 200, or none comes.
        """
        idle, busy = deque(connections), set[Connection]()
        self._started_s = time.perf_counter()
        while busy or self._due_s() is not None:
            wait_s = self._send_due(idle, busy)
            ready, _, _ = select.select(busy, [], [], wait_s)
            if not ready and wait_s == _SILENCE_S:
                raise Unavailable(f"the server has not answered for {_SILENCE_S:g} s")
            for connection in ready:
                latency_s = connection.read()
                if latency_s is not None:
                    self.latencies_s.append(latency_s)
                    busy.remove(connection)
                    idle.append(connection)
        return self.latencies_s

    def _due_s(self) -> float | None:
        """The time of the next request; None where all are sent."""
        if self._rate is None:
            now_s = time.perf_counter()
            return now_s if not self._sent or now_s < self._started_s + self._seconds else None
        assert self._count is not None
        return self._started_s + self._sent / self._rate if self._sent < self._count else None

    def _send_due(self, idle: deque[Connection], busy: set[Connection]) -> float:
        """Send what has its time, as far as connections are free; in how many seconds to look again."""
        while idle and (due_s := self._due_s()) is not None:
            ahead_s = due_s - time.perf_counter()
            if ahead_s > 0:
                return ahead_s
            connection = idle.popleft()
            connection.ask(self._requests[self._sent % len(self._requests)], due_s)
            busy.add(connection)
            self._sent += 1
        return _SILENCE_S


def send_load(
    port: int, requests: Sequence[bytes], connections: int, seconds: float, rate: float | None = None
) -> list[float]:
    """Send requests to a port of loopback; see `HttpLoad`.

    Raises:
        Unavailable: the server does not answer, or not with 200.
    """
    with ExitStack() as stack:
        try:
            opened = [
                stack.enter_context(socket.create_connection(("127.0.0.1", port), _SILENCE_S))
                for _ in range(connections)
            ]
            for one in opened:
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return HttpLoad(requests, seconds, rate).run([Connection(one) for one in opened])
        except OSError as error:
            raise Unavailable(f"the server at port {port} did not answer: {error!r}") from error
