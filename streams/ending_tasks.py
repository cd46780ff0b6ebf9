"""Ending a background task. Callers: the composition roots, `streams.release_watcher`."""

import asyncio
from typing import Any

_AGAIN_S = 0.5


async def end_task(task: "asyncio.Task[Any]") -> None:
    """Cancel a task and wait for its end; what it raises stays in it.

    Cancelled again and again: aiokafka swallows a cancellation that meets the starting or stopping of a
    client, and the task would go on for ever.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_S)
