"""Ending background tasks and parts that may hang, so that a process ends when it is told to.

And waiting for what a task brings about, which may end before it does.
Callers: `streams.worker`, `streams.event_source`, `streams.release_watcher`.
"""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import structlog

log = structlog.get_logger("millrace.stop")
STOP_S = 5.0
"""How long one part may take to stop."""
_AGAIN_S = 0.5


async def end_task(task: "asyncio.Task[Any]") -> None:
    """Cancel a task and wait for its end; what it raises stays in it.

    Cancelled again and again: aiokafka swallows a cancellation that meets the starting or stopping of a
    client, and the task would go on for ever.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=_AGAIN_S)


async def stop_in_time(part: str, stop: Callable[[], Awaitable[None]], limit_s: float = STOP_S) -> None:
    """Stop a part, and go on without it where that takes too long.

    aiokafka's clients, Faust's with them, can wait for ever when they are stopped while joining a group.

    Args:
        part: its name in the log.
        stop: stops it.
        limit_s: how long at most.
    """
    stopping = asyncio.ensure_future(stop())
    await asyncio.wait({stopping}, timeout=limit_s)
    if stopping.done():
        stopping.result()
    else:
        log.warning("not stopped in time, left alone", part=part, limit_s=limit_s)


async def reached(event: asyncio.Event, task: "asyncio.Task[None]") -> None:
    """Wait for an event that a task brings about; should the task end before it, raise what ended it."""
    waiter = asyncio.create_task(event.wait())
    try:
        await asyncio.wait({waiter, task}, return_when=asyncio.FIRST_COMPLETED)
        if not event.is_set():
            task.result()
    finally:
        waiter.cancel()


async def first_of(*futures: "asyncio.Future[Any]") -> "asyncio.Future[Any]":
    """Wait until one is done; that one, the first given where several are."""
    await asyncio.wait(futures, return_when=asyncio.FIRST_COMPLETED)
    return next(future for future in futures if future.done())
