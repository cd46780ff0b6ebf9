"""Keeping a worker's view of the catalogue fresh, and the catalogue itself where Redis has lost it.

Every second: has the version risen? Then the unavailable items are loaded. Was the catalogue never read
whole, or has the version fallen? Then Redis is new, came back empty or came back older, and the catalogue is
read anew from the `items` topic, whose compaction keeps the last word on every item.
Caller: `streams.worker`.
"""

import asyncio
from collections.abc import Callable

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError
from redis.asyncio import Redis

from schemas.errors import InvalidEvent, Unavailable
from streams.availability import load_availability
from streams.catalogue import Catalogue, ItemChange, item_change
from streams.current_recommender import CurrentRecommender
from streams.partition_reading import read_on

log = structlog.get_logger("millrace.catalogue")
REFRESH_S = 1.0
_IDLE_MS = 1000


class CatalogueRefresh:
    """The refreshing of one worker, as a task that ends when it is cancelled."""

    def __init__(
        self,
        redis: "Redis",
        catalogue: Catalogue,
        current: CurrentRecommender,
        make_consumer: Callable[[], AIOKafkaConsumer],
    ) -> None:
        self._redis = redis
        self._catalogue = catalogue
        self._current = current
        self._make_consumer = make_consumer

    async def run(self) -> None:
        """Refresh every second; what fails is tried again the next time, and logged once until it works."""
        trouble = ""
        while True:
            try:
                await self.refresh()
            except Unavailable as error:
                if not trouble:
                    log.info("catalogue not refreshed, tried again every second", error=str(error))
                trouble = str(error)
            except Exception as error:  # the scheduler's boundary: a bug here must not freeze the catalogue
                if trouble != repr(error):
                    log.exception("catalogue not refreshed, tried again every second")
                trouble = repr(error)
            else:
                if trouble:
                    log.info("catalogue refreshed again")
                trouble = ""
            await asyncio.sleep(REFRESH_S)

    async def refresh(self) -> None:
        """One look at the catalogue.

        Raises:
            Unavailable: Redis or Kafka do not answer.
        """
        went_back = await self._catalogue.version() < self._current.availability.version
        if went_back or not await self._catalogue.is_complete():
            await self._rebuild()
        availability = await load_availability(self._redis, self._current.availability)
        if availability is not self._current.availability:
            self._current.use_availability(availability)

    async def _rebuild(self) -> None:
        version = await self._catalogue.version()
        items = await self._last_words()
        await self._catalogue.replace(items, version)
        log.info("catalogue read from its topic", items=len(items))

    async def _last_words(self) -> list[ItemChange]:
        """The last message of each item, deletions left out."""
        consumer = self._make_consumer()
        try:
            await consumer.start()
            return await _read_to_end(consumer)
        except KafkaError as error:
            raise Unavailable(f"Kafka: {error!r}") from error
        finally:
            await consumer.stop()


async def _read_to_end(consumer: AIOKafkaConsumer) -> list[ItemChange]:
    partitions = consumer.assignment()
    if not partitions:  # a topic that Kafka does not know of at this moment is not an empty one
        raise Unavailable("Kafka tells no partitions of the items topic")
    ends = await consumer.end_offsets(partitions)
    last: dict[bytes, ItemChange] = {}
    for partition in partitions:
        while await consumer.position(partition) < ends[partition]:
            for message in await read_on(consumer, partition, _IDLE_MS):
                try:
                    change = item_change(message.key, message.value)
                except InvalidEvent:  # reported by the agent when it came
                    continue
                last[change.item_id] = change
    return [change for change in last.values() if change.value is not None]
