"""Erase events to the event topics, acknowledged before anybody is told that they are on their way.

Writer: of `erase` events. Caller: `streams.lookup.erasing`.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer

from schemas.item_event import EraseSession, encode_erase_session
from schemas.settings import SharedSettings
from streams.lookup.on_demand_producer import TIMEOUT_S, OnDemandProducer


class Erasure(NamedTuple):
    """An erase event and where it goes."""

    event: EraseSession
    home_partition: int | None
    """Of every event topic; None, or one that a topic lacks: to all of its partitions."""


class EraseProducer:
    """Produces erase events; connects when the first is to be sent."""

    def __init__(self, settings: SharedSettings, timeout_s: float = TIMEOUT_S) -> None:
        """Connect to nothing yet.

        Args:
            settings: where Kafka is, and what the event topics are called.
            timeout_s: see `OnDemandProducer`.
        """
        self._topics = settings.event_topics
        self._kafka = OnDemandProducer(settings, timeout_s)

    async def produce(self, erasures: Sequence[Erasure]) -> None:
        """Send the events; all in-sync replicas have them when this returns.

        Raises:
            Unavailable: Kafka does not take them all; some may have been written.
        """
        await self._kafka.deliver("the erase events", lambda producer: self._send(producer, erasures))

    async def stop(self) -> None:
        """Disconnect."""
        await self._kafka.stop()

    async def _send(self, producer: AIOKafkaProducer, erasures: Sequence[Erasure]) -> None:
        if any(home is None for _, home in erasures):
            await producer.client.force_metadata_update()  # partitions may have been added
        topics = {topic: await producer.partitions_for(topic) for topic in self._topics}
        acknowledgements = [
            await producer.send(
                topic, encode_erase_session(event), event.session_id.encode(), partition=partition
            )
            for event, home in erasures
            for topic, partitions in topics.items()
            for partition in ([home] if home in partitions else sorted(partitions))
        ]
        await asyncio.gather(*acknowledgements)
