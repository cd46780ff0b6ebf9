"""A Kafka producer that connects when it is needed: lookups need no Kafka.

Owns the connection: made for the first message, anew after a failure. Callers:
`streams.lookup.erase_producer`, `streams.lookup.retrain_producer`.
"""

import asyncio
from collections.abc import Awaitable, Callable

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from schemas.connections import kafka_arguments
from schemas.errors import Unavailable
from schemas.settings import SharedSettings

TIMEOUT_S = 10.0
"""A client waits no longer for Kafka."""


class OnDemandProducer:
    """An idempotent producer that is made when it is needed."""

    def __init__(self, settings: SharedSettings, timeout_s: float) -> None:
        """Connect to nothing yet.

        Args:
            settings: where Kafka is.
            timeout_s: for connecting, sending and the acknowledgements together.
        """
        self._settings = settings
        self._timeout_s = timeout_s
        self._connecting = asyncio.Lock()
        self._producer: AIOKafkaProducer | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    async def deliver(self, what: str, send: Callable[[AIOKafkaProducer], Awaitable[None]]) -> None:
        """Send, and wait for the acknowledgements.

        Args:
            what: is sent, in words.
            send: sends by the producer, and returns when all in-sync replicas have it.

        Raises:
            Unavailable: Kafka does not take it all; some may have been written.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                await send(await self._connected())
        except (KafkaError, TimeoutError) as error:
            self._leave()
            late = isinstance(error, TimeoutError)
            why = f"no answer within {self._timeout_s:g} s" if late else repr(error)
            raise Unavailable(f"Kafka has not taken {what}: {why}") from error

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

    def _leave(self) -> None:
        """Close the producer beside everything else: it waits for what it still has to send."""
        producer, self._producer = self._producer, None
        if producer is not None:
            leaving = asyncio.create_task(producer.stop())
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)
