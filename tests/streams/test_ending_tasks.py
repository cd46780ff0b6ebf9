import asyncio
import contextlib

from streams.ending_tasks import end_task


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
