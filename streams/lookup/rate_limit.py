"""How many requests a client may send: a token bucket each, in this process, for so many clients at most.

Caller: `streams.lookup.admission`.
"""

from collections import OrderedDict
from collections.abc import Callable, Hashable

MAX_CLIENTS = 10_000
"""Beyond these, who asked longest ago is forgotten; it starts with a full bucket when it comes again."""


class TokenBuckets:
    """Token buckets that hold one second's requests and fill at the rate."""

    def __init__(
        self, requests_per_s: float, clock: Callable[[], float], max_clients: int = MAX_CLIENTS
    ) -> None:
        """Start with full buckets.

        Args:
            requests_per_s: the rate, > 0.
            clock: seconds, monotonic.
            max_clients: how many clients are remembered.
        """
        self._rate = requests_per_s
        self._full = max(1.0, requests_per_s)
        self._clock = clock
        self._max_clients = max_clients
        self._buckets: OrderedDict[Hashable, tuple[float, float]] = OrderedDict()

    def take(self, client: Hashable) -> float:
        """Take a token of the client's bucket.

        Returns:
            0 where there was one; otherwise in how many seconds there will be.
        """
        now_s = self._clock()
        tokens, at_s = self._buckets.pop(client, (self._full, now_s))
        tokens = min(self._full, tokens + (now_s - at_s) * self._rate)
        wait_s = 0.0 if tokens >= 1 else (1 - tokens) / self._rate
        self._buckets[client] = (tokens if wait_s else tokens - 1, now_s)
        if len(self._buckets) > self._max_clients:
            self._buckets.popitem(last=False)
        return wait_s
