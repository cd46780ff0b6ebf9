"""An event loop whose clock jumps: where nothing is ready, it is at once the time of the next timer.

So a retry waits for nobody, and who sleeps long wakes up when all else that can happen has happened. For
tests without sockets and threads, which the loop would not wait for either.
"""

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any

IDLE_S = 1.0
"""Longer than the first waits of what is tried again; what is tried in vain for ever ends no test."""


class _Jumping(selectors.SelectSelector):
    """Adds up the times that it was told to wait."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        assert timeout is not None, "everything waits for something that will not happen"
        self.now_s += max(timeout, 0.0)
        return super().select(0)


class JumpingLoop(asyncio.SelectorEventLoop):
    """The loop."""

    def __init__(self) -> None:
        self._jumping = _Jumping()
        super().__init__(self._jumping)

    def time(self) -> float:
        """The virtual time, seconds."""
        return self._jumping.now_s


def run_in_virtual_time(test: Coroutine[Any, Any, None]) -> None:
    """`asyncio.run` on such a loop."""
    with asyncio.Runner(loop_factory=JumpingLoop) as runner:
        runner.run(test)


async def until_idle() -> None:
    """Let everything happen that waits for nothing but its turn or a timer."""
    await asyncio.sleep(IDLE_S)
