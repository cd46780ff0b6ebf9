"""Retrying in place: while a service is away the caller waits, readiness is red, nothing is lost.

Exponential backoff with jitter, without end; ended only by success, by an error that waiting cannot cure, or
by giving up the work.
Callers: `streams.batch_processor`, `streams.event_source`, and whoever waits for Redis or Kafka.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from schemas.errors import Unavailable
from streams.health import Health
from streams.micro_batch import Abandoned

T = TypeVar("T")
FIRST_DELAY_S = 0.05
MAX_DELAY_S = 2.0
SLOW_S = 5.0
"""Without an answer for so long, a service shows as away: its client may wait far longer, or for ever."""


async def until_available(
    operation: Callable[[], Awaitable[T]],
    part: str,
    health: Health,
    given_up: Callable[[], bool] = lambda: False,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    slow_s: float | None = None,
) -> T:
    """Run an operation until it does not raise Unavailable.

    The trouble that it shows in `health` is its own: it stays until this operation succeeds or is given up,
    though others find that the part works.

    Args:
        operation: what to do; it is safe to repeat.
        part: its name in `health`.
        health: where the trouble is shown.
        given_up: asked before each further try.
        sleep: how to wait, seconds.
        slow_s: after so long without an answer the trouble is shown, and the answer waited for all the same.

    Returns:
        What the operation returned.

    Raises:
        Abandoned: `given_up` said so.
    """
    user, delay_s = object(), FIRST_DELAY_S
    try:
        while True:
            try:
                with _shown_when_slow(part, health, user, slow_s):
                    result = await operation()
            except Unavailable as error:
                health.fail(part, str(error), user)
            else:
                health.recover(part, user)
                return result
            if given_up():
                raise Abandoned
            await sleep(delay_s * random.uniform(0.5, 1.0))  # jitter, not a secret
            delay_s = min(2 * delay_s, MAX_DELAY_S)
    finally:
        health.withdraw(part, user)


@contextmanager
def _shown_when_slow(part: str, health: Health, user: object, slow_s: float | None) -> Iterator[None]:
    """Show a trouble once the block has run for so long; None: never."""
    if slow_s is None:
        yield
        return
    reason = f"no answer for {slow_s:g} s"
    slow = asyncio.get_running_loop().call_later(slow_s, health.fail, part, reason, user)
    try:
        yield
    finally:
        slow.cancel()
