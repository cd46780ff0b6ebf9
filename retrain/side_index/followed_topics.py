"""FollowedTopics: the event topics, the catalogue and the announced releases, in one reader without a group.

A builder shares nothing with the workers' group: it reads events from so far back as its window reaches, and
again from there for another release. Owns the consumer. Caller: `retrain.side_index.side_index_building`.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from retrain.log_reading import Record, read_past
from retrain.time_lookup import offsets_at
from retrain.topic_reading import groupless_consumer, topic_partitions
from schemas.connections import kafka_arguments
from schemas.errors import Unavailable
from schemas.kafka_refusals import kafka_unreachable
from schemas.settings import SharedSettings

_OPEN_TIMEOUT_S = 60.0
_QUIET_S = 0.1
"""The pause after a look at all partitions that found nothing."""


class FollowedTopics:
    """The messages of the topics as they come; made by `follow_topics`."""

    def __init__(
        self, consumer: AIOKafkaConsumer, settings: SharedSettings, partitions: list[TopicPartition]
    ) -> None:
        """Use a started consumer that has these partitions, those of events among them."""
        self._consumer = consumer
        self._items = settings.items_topic
        self._releases = settings.releases_topic
        self._partitions = partitions
        self._ends: dict[TopicPartition, int] = {}
        self._events = [one for one in partitions if one.topic in settings.event_topics]

    async def read_events_from(self, time_ms: int) -> None:
        """Read events from the first that Kafka took at this time or later; see `offsets_at`.

        Raises:
            KafkaError: Kafka does not answer.
        """
        begins = await offsets_at(self._consumer, self._events, time_ms)
        self._ends = await self._consumer.end_offsets(self._events)
        for one in self._events:
            self._consumer.seek(one, begins[one])

    async def caught_up(self) -> bool:
        """Whether all was read that the event topics held when they were begun."""
        return all([await self._consumer.position(one) >= end for one, end in self._ends.items()])

    async def next(self) -> list[Record]:
        """What has come since, of all topics, merged by Kafka's timestamps; nothing after a short pause.

        Raises:
            KafkaError: Kafka does not answer.
        """
        found = [await read_past(self._consumer, one, 0) for one in self._partitions]
        records = [record for some in found for record in some]
        if not records:
            await asyncio.sleep(_QUIET_S)
        return sorted(records, key=lambda record: record.timestamp)

    def of_items(self, records: list[Record]) -> list[Record]:
        """Those of the catalogue."""
        return [record for record in records if record.topic == self._items]

    def of_releases(self, records: list[Record]) -> list[Record]:
        """Those that announce releases."""
        return [record for record in records if record.topic == self._releases]

    def of_events(self, records: list[Record]) -> list[Record]:
        """Those of events."""
        return [record for record in records if record.topic not in {self._items, self._releases}]


@asynccontextmanager
async def follow_topics(settings: SharedSettings) -> AsyncIterator[FollowedTopics]:
    """Follow the topics in the context: catalogue and releases from their beginnings, events from their ends.

    Raises:
        UsageError: a topic does not exist.
        Unavailable: Kafka does not answer.
    """
    consumer = groupless_consumer(kafka_arguments(settings))
    try:
        async with asyncio.timeout(_OPEN_TIMEOUT_S):
            followed = [*settings.event_topics, settings.items_topic, settings.releases_topic]
            found = await topic_partitions(settings, [*followed, settings.side_index_topic])
            partitions = [one for one in found if one.topic in followed]
            await consumer.start()
            consumer.assign(partitions)
            events = [one for one in partitions if one.topic in settings.event_topics]
            await consumer.seek_to_beginning(*(one for one in partitions if one not in events))
            await consumer.seek_to_end(*events)
        yield FollowedTopics(consumer, settings, partitions)
    except KafkaConnectionError as error:
        raise Unavailable(kafka_unreachable(settings.kafka_bootstrap_servers)) from error
    except (KafkaError, TimeoutError) as error:
        raise Unavailable(f"Kafka at {settings.kafka_bootstrap_servers}: {error!r}") from error
    finally:
        await consumer.stop()
