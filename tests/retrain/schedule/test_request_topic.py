"""Requests on a real Kafka: taken once over all processes, also over crashes; what is none is passed over."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer

from retrain.schedule.request_topic import RequestTopic
from retrain.settings import RetrainSettings
from schemas.errors import Unavailable
from schemas.retrain_request import RetrainRequest, encode_retrain_request
from streams.dev.ports import free_port
from tests.services.kafka_broker import Kafka
from tests.waiting import DEADLINE_S

Reader = Callable[[], RequestTopic]


class Counted(Counter[str]):
    """How many messages of each kind."""

    def __call__(self, kind: str) -> None:
        self[kind] += 1


@pytest.fixture
def settings(kafka: Kafka, prefix: str) -> RetrainSettings:
    return RetrainSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        retrain_requests_topic=kafka.create_topic(f"{prefix}requests", 1),
        retrain_group=f"{prefix}group",
    )


@pytest.fixture
def counted() -> Counted:
    return Counted()


@pytest.fixture
async def reader(settings: RetrainSettings, counted: Counted) -> AsyncIterator[Reader]:
    made: list[RequestTopic] = []

    def another() -> RequestTopic:
        made.append(RequestTopic(settings, counted))
        return made[-1]

    yield another
    for one in made:
        await one.stop()


async def send(settings: RetrainSettings, *values: str | bytes) -> None:
    async with AIOKafkaProducer(bootstrap_servers=settings.kafka_bootstrap_servers) as producer:
        for value in values:
            message = value if isinstance(value, bytes) else encode_retrain_request(a_request(value))
            await producer.send_and_wait(settings.retrain_requests_topic, message)


def a_request(request_id: str) -> RetrainRequest:
    return RetrainRequest(request_id=request_id, requested_at=datetime(2026, 1, 1, tzinfo=UTC))


async def seen(topic: RequestTopic, wanted: list[str], answered: Collection[str] = ()) -> None:
    """Look until just these wait."""
    async with asyncio.timeout(DEADLINE_S):
        while [one.request_id for one in await topic.look(answered)] != wanted:  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def test_requests_wait_until_they_are_answered(
    settings: RetrainSettings, reader: Reader, counted: Counted
) -> None:
    await send(settings, "r1", b"{", "r2", "r1")
    topic = reader()
    await seen(topic, ["r1", "r2"])
    assert counted == {"taken": 2, "invalid": 1, "repeated": 1}
    await topic.done(["r1", "r2"])
    await seen(topic, [])
    await topic.stop()
    await send(settings, "r3")
    await seen(reader(), ["r3"])


async def test_request_of_a_process_that_died_comes_to_the_next(
    settings: RetrainSettings, reader: Reader
) -> None:
    await send(settings, "r1")
    first = reader()
    await seen(first, ["r1"])
    await first.stop()
    await seen(reader(), ["r1"])


async def test_request_that_was_answered_before_the_crash_is_not_taken_again(
    settings: RetrainSettings, reader: Reader
) -> None:
    await send(settings, "r1", "r2")
    first = reader()
    await seen(first, ["r1", "r2"])
    await first.stop()
    again = reader()
    await seen(again, ["r2"], answered=["r1"])
    await again.done(["r2"])
    await again.stop()
    await send(settings, "r3")
    await seen(reader(), ["r3"])


async def test_request_that_came_while_others_were_answered_still_waits(
    settings: RetrainSettings, reader: Reader
) -> None:
    await send(settings, "r1")
    topic = reader()
    await seen(topic, ["r1"])
    await send(settings, "r2")
    await seen(topic, ["r1", "r2"])
    await topic.done(["r1"])
    await topic.stop()
    await seen(reader(), ["r2"], answered=["r1"])


async def test_of_two_processes_one_has_the_requests(settings: RetrainSettings, reader: Reader) -> None:
    one, other = reader(), reader()
    await seen(one, [])
    await send(settings, "r1")
    both: list[str] = []
    async with asyncio.timeout(DEADLINE_S):
        while both != ["r1"]:
            both = [request.request_id for topic in (one, other) for request in await topic.look(())]
            await asyncio.sleep(0.02)


async def test_kafka_that_is_away_is_told_and_tried_again(counted: Counted) -> None:
    settings = RetrainSettings(kafka_bootstrap_servers=f"127.0.0.1:{free_port()}")
    topic = RequestTopic(settings, counted)
    for _ in range(2):
        with pytest.raises(Unavailable, match="cannot be reached"):
            await topic.look(())
    await topic.done([])
