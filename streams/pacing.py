"""Pacing: when each of a row of things is due, at a given rate or at once.

The schedule is fixed at the start and never moves: who falls behind sends at once until caught up, and
latencies count from when a thing was due, not from when it got its turn (no coordinated omission).
Caller: `streams.replaying`.
"""

import asyncio
import time
from typing import Protocol

_BREATH = 64
"""Things between two pauses of an unpaced row, which let the other tasks of the loop run."""


class Clock(Protocol):
    """A monotonic clock and a way to wait on it."""

    def now(self) -> float:
        """Seconds since some fixed moment."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait; 0 only lets other tasks run."""
        ...


class MonotonicClock:
    """The machine's clock."""

    def now(self) -> float:
        """Seconds of `time.monotonic`."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait on the event loop."""
        await asyncio.sleep(seconds)


class Pace:
    """The schedule of one row of things; it starts with the first wait."""

    def __init__(self, rate: float | None, clock: Clock) -> None:
        """Fix the rate.

        Args:
            rate: things a second; None: each is due at once.
            clock: what time it is.
        """
        self._rate = rate
        self._clock = clock
        self._started: float | None = None

    async def wait_for(self, at: int) -> float:
        """Wait until a thing is due.

        Args:
            at: its number in the row, from 0.

        Returns:
            The time at which it was due, in seconds of the clock; in the past where the row is behind.
        """
        now = self._clock.now()
        if self._started is None:
            self._started = now
        if self._rate is None:
            if at % _BREATH == 0:
                await self._clock.sleep(0)
            return now
        due = self._started + at / self._rate
        if due > now:
            await self._clock.sleep(due - now)
        return due
