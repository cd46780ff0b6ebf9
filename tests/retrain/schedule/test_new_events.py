"""How many events are new since a release: by offsets, over all partitions and topics."""

import pytest
from aiokafka import AIOKafkaProducer

from retrain.schedule.new_events import count_new_events
from schemas.errors import Unavailable
from schemas.release_manifest import LogRange
from schemas.settings import SharedSettings
from streams.dev.ports import free_port
from tests.services.kafka_broker import Kafka


@pytest.fixture
async def settings(kafka: Kafka, prefix: str) -> SharedSettings:
    """Two topics of two partitions; 5 messages in each of `views`, 2 in the first of `carts`."""
    views, carts = (kafka.create_topic(f"{prefix}{name}", 2) for name in ("views", "carts"))
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as producer:
        for topic, partition, number in ((views, 0, 5), (views, 1, 5), (carts, 0, 2)):
            for _ in range(number):
                await producer.send_and_wait(topic, b"{}", partition=partition)
    return SharedSettings(kafka_bootstrap_servers=kafka.bootstrap_servers, event_topics=[views, carts])


def a_range(settings: SharedSettings, topic: int, partition: int, next_offset: int) -> LogRange:
    name = settings.event_topics[topic]
    return LogRange(topic=name, partition=partition, first_offset=0, next_offset=next_offset)


async def test_without_a_release_everything_is_new(settings: SharedSettings) -> None:
    assert await count_new_events(settings, []) == 12


async def test_what_the_release_has_read_is_not_new(settings: SharedSettings) -> None:
    ranges = [a_range(settings, 0, 0, 5), a_range(settings, 0, 1, 3), a_range(settings, 0, 1, 2)]
    assert await count_new_events(settings, ranges) == 0 + 2 + 2


async def test_partition_that_was_made_anew_is_new_whole(settings: SharedSettings) -> None:
    ranges = [a_range(settings, 0, 0, 400), a_range(settings, 0, 1, 5), a_range(settings, 1, 0, 2)]
    assert await count_new_events(settings, ranges) == 5


async def test_topic_that_is_missing_is_told(settings: SharedSettings) -> None:
    missing = settings.model_copy(update={"event_topics": ["there-is-no-such-topic"]})
    with pytest.raises(Unavailable, match=r"there-is-no-such-topic: .*topics create"):
        await count_new_events(missing, [])


async def test_kafka_that_is_away_is_told() -> None:
    settings = SharedSettings(kafka_bootstrap_servers=f"127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable, match="cannot be reached"):
        await count_new_events(settings, [])
