"""Waiting on a condition with a deadline, in place of sleeping; a deadline is for what never happens."""

import asyncio
from collections.abc import Callable

DEADLINE_S = 60.0
_POLL_S = 0.02


async def until(condition: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
    """Wait until the condition holds.

    Raises:
        TimeoutError: it does not hold before the deadline.
    """
    async with asyncio.timeout(deadline_s):
        while not condition():  # noqa: ASYNC110  # nobody tells when it changes
            await asyncio.sleep(_POLL_S)
