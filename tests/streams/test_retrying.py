"""Waiting for a service: readiness is red from the first failure, or from a long silence, to the success."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from prometheus_client import Gauge

from schemas.errors import Unavailable
from streams.health import Health
from streams.micro_batch import Abandoned
from streams.retrying import until_available
from tests.waiting import until


@pytest.fixture
def health() -> Health:
    return Health(Gauge("ready", "", registry=None))


async def works() -> str:
    """An operation whose service is there."""
    return "done"


def failing(times: int) -> Callable[[], Awaitable[str]]:
    """An operation whose service is away at the first tries."""
    reasons = [f"away, try {number}" for number in range(times)]

    async def run() -> str:
        if reasons:
            raise Unavailable(reasons.pop(0))
        return "done"

    return run


async def test_service_that_comes_back_is_ready_again(health: Health) -> None:
    seen: list[dict[str, str]] = []

    async def look(_: float) -> None:
        seen.append(health.troubles)

    assert await until_available(failing(2), "redis", health, sleep=look) == "done"
    assert seen == [{"redis": "away, try 0"}, {"redis": "away, try 1"}]
    assert health.troubles == {}


async def test_trouble_stays_while_others_find_that_the_part_works(health: Health) -> None:
    memory_again = asyncio.Event()

    async def write() -> str:
        if memory_again.is_set():
            return "written"
        raise Unavailable("full")

    writing = asyncio.create_task(until_available(write, "redis", health))
    await until(lambda: health.troubles)
    assert await until_available(works, "redis", health) == "done"
    assert health.troubles == {"redis": "full"}
    memory_again.set()
    assert await writing == "written"
    assert health.troubles == {}


async def test_service_that_does_not_answer_shows_while_it_is_waited_for(health: Health) -> None:
    answer = asyncio.Event()

    async def wait() -> bool:
        return await answer.wait()

    waiting = asyncio.create_task(until_available(wait, "kafka", health, slow_s=0.01))
    await until(lambda: health.troubles == {"kafka": "no answer for 0.01 s"})
    answer.set()
    assert await waiting
    assert health.troubles == {}


async def test_work_that_is_given_up_leaves_no_trouble_behind(health: Health) -> None:
    with pytest.raises(Abandoned):
        await until_available(failing(1), "redis", health, given_up=lambda: True)
    assert health.troubles == {}
