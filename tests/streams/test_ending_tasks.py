import asyncio
import contextlib

import pytest

from streams.ending_tasks import end_task, stop_in_time


async def test_task_that_swallows_a_cancellation_is_ended_all_the_same() -> None:
    async def stubborn() -> None:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()

    task = asyncio.create_task(stubborn())
    await asyncio.wait({task}, timeout=0)
    await end_task(task)
    assert task.cancelled()


async def test_what_an_ended_task_raised_stays_in_it() -> None:
    async def failing() -> None:
        raise ValueError("oops")

    task = asyncio.create_task(failing())
    await asyncio.wait({task})
    await end_task(task)
    assert isinstance(task.exception(), ValueError)


async def test_part_that_does_not_stop_is_left_alone() -> None:
    hangs = asyncio.Event()

    async def stop() -> None:
        await hangs.wait()

    await stop_in_time("part", stop, limit_s=0.01)
    hangs.set()


async def test_what_a_stopping_part_raises_is_raised() -> None:
    async def stop() -> None:
        raise ValueError("oops")

    with pytest.raises(ValueError, match="oops"):
        await stop_in_time("part", stop)
