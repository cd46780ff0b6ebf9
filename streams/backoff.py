"""Backoff: when to try again what is not waited for in place. Caller: `streams.release_watcher`."""

import random
import time
from collections.abc import Callable


class Backoff:
    """Doubling pauses with jitter."""

    def __init__(self, first_s: float, last_s: float, clock: Callable[[], float] = time.monotonic) -> None:
        """No pause yet; the first one takes `first_s`, none more than `last_s`."""
        self._first_s = first_s
        self._last_s = last_s
        self._clock = clock
        self.reset()

    def reset(self) -> None:
        """Try at once, and then after the first pause."""
        self._next_s = self._first_s
        self._over_at_s = self._clock()

    def begin(self) -> None:
        """It failed: a pause begins."""
        self._over_at_s = self._clock() + self._next_s * random.uniform(0.5, 1.0)  # jitter, not a secret
        self._next_s = min(2 * self._next_s, self._last_s)

    def is_over(self) -> bool:
        """Whether to try now."""
        return self._clock() >= self._over_at_s
