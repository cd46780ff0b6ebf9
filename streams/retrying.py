"""Retrying in place: while a service is away the caller waits, readiness is red, nothing is lost.

Exponential backoff with jitter, without end; ended only by success, by an error that waiting cannot cure, or
by giving up the work.
Callers: `streams.batch_processor`, `streams.event_source`, `streams.release_watcher` and others.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from schemas.errors import Unavailable
from streams.health import Health
from streams.micro_batch import Abandoned

T = TypeVar("T")
FIRST_DELAY_S = 0.05
MAX_DELAY_S = 2.0


async def until_available(
    operation: Callable[[], Awaitable[T]],
    part: str,
    health: Health,
    given_up: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> T:
    """Run an operation until it does not raise Unavailable.

    Args:
        operation: what to do; it is safe to repeat.
        part: its name in `health`.
        health: where the trouble is shown.
        given_up: asked before each further try.
        sleep: how to wait, seconds.

    Returns:
        What the operation returned.

    Raises:
        Abandoned: `given_up` said so.
    """
    delay_s = FIRST_DELAY_S
    while True:
        try:
            result = await operation()
        except Unavailable as error:
            health.fail(part, str(error))
        else:
            health.recover(part)
            return result
        if given_up():
            raise Abandoned
        await sleep(delay_s * random.uniform(0.5, 1.0))  # jitter, not a secret
        delay_s = min(2 * delay_s, MAX_DELAY_S)


class Backoff:
    """When to try again what is not waited for in place: after doubling pauses with jitter."""

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
        self._over_at_s = self._clock() + self._next_s * random.uniform(0.5, 1.0)
        self._next_s = min(2 * self._next_s, self._last_s)

    def is_over(self) -> bool:
        """Whether to try now."""
        return self._clock() >= self._over_at_s
