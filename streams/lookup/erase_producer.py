"""Erase events to the event topics, acknowledged before anybody is told that they are on their way.

Writer: of `erase` events. It connects when the first is to be sent, and anew after a failure: lookups need no
Kafka. Caller: `streams.lookup.erasing`.
"""

import asyncio
from collections.abc import Sequence
from typing import NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.connections import kafka_arguments
from schemas.errors import Unavailable
from schemas.item_event import EraseSession, encode_erase_session
from schemas.settings import SharedSettings

_TIMEOUT_S = 10.0
"""A client waits no longer for Kafka."""


class Erasure(NamedTuple):
    """An erase event and where it goes."""

    event: EraseSession
    home_partition: int | None
    """Of every event topic; None, or one that a topic lacks: to all of its partitions."""


class EraseProducer:
    """An idempotent producer that is made when it is needed."""

    def __init__(self, settings: SharedSettings, timeout_s: float = _TIMEOUT_S) -> None:
        """Connect to nothing yet.

        Args:
            settings: where Kafka is, and what the event topics are called.
            timeout_s: for connecting, sending and the acknowledgements together.
        """
        self._settings = settings
        self._timeout_s = timeout_s
        self._connecting = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    async def produce(self, erasures: Sequence[Erasure]) -> None:
        """Send the events; all in-sync replicas have them when this returns.

        Raises:
            Unavailable: Kafka does not take them all; some may have been written.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                producer = await self._connected()
                await self._send(producer, erasures)
        except (KafkaError, TimeoutError) as error:
            self._leave()
            late = isinstance(error, TimeoutError)
            why = f"no answer within {self._timeout_s:g} s" if late else repr(error)
            raise Unavailable(f"Kafka has not taken the erase events: {why}") from error

    async def stop(self) -> None:
        """Disconnect."""
        self._leave()
        await asyncio.gather(*self._leaving)

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is None:
                producer = AIOKafkaProducer(
                    **kafka_arguments(self._settings),
                    acks="all",
                    enable_idempotence=True,
                    request_timeout_ms=int(1000 * self._timeout_s),
                )
                self._producer = producer
                await producer.start()
            return self._producer

    async def _send(self, producer: AIOKafkaProducer, erasures: Sequence[Erasure]) -> None:
        if any(home is None for _, home in erasures):
            await producer.client.force_metadata_update()  # partitions may have been added
        topics = {topic: await producer.partitions_for(topic) for topic in self._settings.event_topics}
        acknowledgements = [
            await producer.send(
                topic, encode_erase_session(event), event.session_id.encode(), partition=partition
            )
            for event, home in erasures
            for topic, partitions in topics.items()
            for partition in ([home] if home in partitions else sorted(partitions))
        ]
        await asyncio.gather(*acknowledgements)

    def _leave(self) -> None:
        """Close the producer beside everything else: it waits for what it still has to send."""
        producer, self._producer = self._producer, None
        if producer is not None:
            leaving = asyncio.create_task(producer.stop())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
