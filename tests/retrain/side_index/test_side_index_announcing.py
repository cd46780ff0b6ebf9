"""Claiming and announcing versions, on a real Kafka."""

import asyncio
from datetime import UTC, datetime

import pytest

from retrain.side_index.side_index_announcing import open_topic
from schemas.errors import Unavailable
from schemas.ids import ReleaseId
from streams.dev.ports import free_port
from streams.side_index_topic import SideIndexTopic
from tests.odd_messages import send_odd
from tests.services.kafka_broker import Kafka

R1 = ReleaseId("r1")
NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture
def topic(kafka: Kafka, prefix: str) -> str:
    return kafka.create_topic(f"{prefix}side-indexes", 1)


@pytest.fixture
def arguments(kafka: Kafka) -> dict[str, str]:
    return {"bootstrap_servers": kafka.bootstrap_servers}


async def test_versions_rise_from_one_whatever_the_release(arguments: dict[str, str], topic: str) -> None:
    async with open_topic(arguments, topic) as writer:
        found = [await writer.claim(ReleaseId(name), NOW) for name in ("r1", "r2", "r1")]
    assert found == [1, 2, 3]


async def test_builder_that_starts_again_goes_on_with_a_greater_version(
    arguments: dict[str, str], topic: str
) -> None:
    async with open_topic(arguments, topic) as writer:
        version = await writer.claim(R1, NOW)
        await writer.announce(R1, version, 3, NOW)
        await writer.claim(R1, NOW)
    async with open_topic(arguments, topic) as writer:
        assert await writer.claim(R1, NOW) == 3


async def test_builders_at_once_get_distinct_versions(arguments: dict[str, str], topic: str) -> None:
    async def claims() -> list[int]:
        async with open_topic(arguments, topic) as writer:
            return [await writer.claim(R1, NOW) for _ in range(5)]

    found = await asyncio.gather(*(claims() for _ in range(4)))

    assert len({version for some in found for version in some}) == 20
    assert all(some == sorted(some) for some in found)


async def test_readers_see_what_was_announced_and_what_was_only_claimed(
    kafka: Kafka, arguments: dict[str, str], topic: str
) -> None:
    async with open_topic(arguments, topic) as writer:
        send_odd(kafka.bootstrap_servers, topic)
        version = await writer.claim(R1, NOW)
        await writer.announce(R1, version, 3, NOW)
    reader = SideIndexTopic(arguments, topic)
    try:
        found = await reader.open()
    finally:
        await reader.close()
    assert [(one.release_id, one.version, one.ready, one.items) for one in found] == [
        (R1, 1, False, 0),
        (R1, 1, True, 3),
    ]
    assert [one.key for one in found] == [b"claim:r1", b"r1"]


async def test_kafka_that_is_away_is_named() -> None:
    with pytest.raises(Unavailable, match="cannot be reached; start it"):
        async with open_topic({"bootstrap_servers": f"127.0.0.1:{free_port()}"}, "side-indexes"):
            pass
