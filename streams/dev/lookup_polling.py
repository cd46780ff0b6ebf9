"""When the lookup gives the list of an event: a sample of events, asked for over and over until it is there.

Owns a thread with one connection; it takes one event at a time and leaves out those that come meanwhile.
Caller: `paced_load`.
"""

import http.client
import queue
import threading
import time
from types import TracebackType
from typing import NamedTuple, Self
from urllib.parse import quote, urlsplit

from streams.dev.numbered_events import number_of

_BETWEEN_S = 0.002
"""Two requests for one event."""
_REST_S = 0.02
"""Two events: the lookup is to be seen at, not to be loaded."""
_PATIENCE_S = 10.0


class _Asked(NamedTuple):
    number: int
    session_id: str
    due_s: float


class LookupPolling:
    """Polls in the background, within the `with` block.

    Args:
        base_url: the lookup; None: nothing is sampled.

    Attributes:
        latencies_s: when each sampled event was due, in seconds of `time.perf_counter` -> how much later the
            lookup gave its list; complete after the block.
    """

    def __init__(self, base_url: str | None) -> None:
        address = urlsplit(base_url or "http://nowhere")
        assert address.hostname is not None
        self._samples = base_url is not None
        self._connection = http.client.HTTPConnection(address.hostname, address.port, timeout=_PATIENCE_S)
        self._offered: queue.Queue[_Asked | None] = queue.Queue()
        self._rested = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookup-polling")
        self.latencies_s: dict[float, float] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._offered.put(None)
        self._thread.join()
        self._connection.close()

    def offer(self, number: int, session_id: str, due_s: float) -> None:
        """An event has been sent; it is sampled if it can be asked for at once."""
        if self._samples and self._rested.is_set():
            self._rested.clear()
            self._offered.put(_Asked(number, session_id, due_s))

    def _run(self) -> None:
        self._rested.set()
        while (asked := self._offered.get()) is not None:
            self._ask(asked)
            time.sleep(_REST_S)
            self._rested.set()

    def _ask(self, asked: _Asked) -> None:
        path = f"/sessions/{quote(asked.session_id, safe='')}/recommendations?k=1"
        deadline_s = time.perf_counter() + _PATIENCE_S
        while (now_s := time.perf_counter()) < deadline_s:
            self._connection.request("GET", path)
            number = number_of(self._connection.getresponse().read())
            if number is not None and number >= asked.number:
                self.latencies_s[asked.due_s] = time.perf_counter() - asked.due_s
                return
            time.sleep(_BETWEEN_S)
        self.latencies_s[asked.due_s] = now_s - asked.due_s
