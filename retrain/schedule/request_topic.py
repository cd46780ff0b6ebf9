"""The requests that wait on their topic, each taken once over all retrain processes.

Owns the consumer of the group: one process has a partition. What was answered is committed when its cycle is
over; a request that comes again after a crash is known by its id (the history in Redis has it). A message
that is no request is logged and passed over. Caller: `retrain.schedule.retrain_service`.
"""

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Any

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaConnectionError, KafkaError, for_code

from retrain.settings import RetrainSettings
from schemas.connections import kafka_arguments
from schemas.errors import Unavailable, UsageError
from schemas.kafka_refusals import kafka_unreachable
from schemas.retrain_request import RetrainRequest, decode_retrain_request

_LOGGER = logging.getLogger("millrace.retrain.schedule")
_REQUEST_TIMEOUT_MS = 10_000
_FETCH_WAIT_MS = 200  # the embedded broker holds every empty fetch for so long


def check_request_topic(settings: RetrainSettings) -> None:
    """Make sure that the topic is there: a consumer would wait for it without a word.

    Raises:
        UsageError: it is not.
        Unavailable: Kafka does not answer.
    """
    try:
        (described,) = asyncio.run(_described(settings))
    except KafkaConnectionError as error:
        raise Unavailable(kafka_unreachable(settings.kafka_bootstrap_servers)) from error
    if described["error_code"]:
        problem = for_code(described["error_code"]).__name__
        raise UsageError(f"topic {described['topic']}: {problem}; run `millrace topics create`")


async def _described(settings: RetrainSettings) -> list[Any]:
    admin = AIOKafkaAdminClient(**kafka_arguments(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        described: list[Any] = await admin.describe_topics([settings.retrain_requests_topic])
    finally:
        await admin.close()
    return described


class RequestTopic:
    """Reads the topic; connects at the first look, and anew after a failure."""

    def __init__(self, settings: RetrainSettings, count: Callable[[str], None]) -> None:
        """Connect to nothing yet.

        Args:
            settings: where Kafka is, what topic and group are called.
            count: told of every message: `taken`, `repeated` or `invalid`.
        """
        self._settings = settings
        self._count = count
        self._consumer: AIOKafkaConsumer | None = None
        self._waiting: list[RetrainRequest] = []
        self._positions: dict[TopicPartition, int] = {}

    async def look(self, answered: Collection[str]) -> list[RetrainRequest]:
        """The requests that wait, those of earlier looks too.

        Args:
            answered: ids of requests that were answered.

        Raises:
            Unavailable: Kafka does not answer, or the topic is missing.
        """
        try:
            consumer = await self._connected()
            fetched = await consumer.getmany(timeout_ms=0)
        except KafkaConnectionError as error:
            await self.stop()
            raise Unavailable(kafka_unreachable(self._settings.kafka_bootstrap_servers)) from error
        except KafkaError as error:
            await self.stop()
            topic = self._settings.retrain_requests_topic
            raise Unavailable(
                f"topic {topic}: {error!r}; was it created (`millrace topics create`)?"
            ) from error
        if not self._positions.keys() <= consumer.assignment():
            self._waiting, self._positions = [], {}  # another process has them now
        for partition, records in fetched.items():
            for record in records:
                self._take(record.value or b"", f"{record.topic}[{record.partition}]@{record.offset}")
                self._positions[partition] = record.offset + 1
        known = set(answered)
        if known & {one.request_id for one in self._waiting}:
            await self.done(known)
        return list(self._waiting)

    async def done(self, answered: Collection[str]) -> None:
        """These requests were answered; while another waits that was read, nothing is committed.

        Raises:
            Unavailable: Kafka does not take it: the requests come again, and are known by their ids.
        """
        self._waiting = [one for one in self._waiting if one.request_id not in answered]
        if self._waiting or not self._positions or self._consumer is None:
            return
        try:
            await self._consumer.commit(self._positions)
        except KafkaError as error:
            raise Unavailable(f"group {self._settings.retrain_group}: {error!r}") from error
        finally:
            self._positions = {}

    async def stop(self) -> None:
        """Leave the group; what was not committed comes again, to whoever has the partition then."""
        consumer, self._consumer = self._consumer, None
        self._waiting, self._positions = [], {}
        if consumer is not None:
            await consumer.stop()

    async def _connected(self) -> AIOKafkaConsumer:
        if self._consumer is None:
            consumer = AIOKafkaConsumer(
                self._settings.retrain_requests_topic,
                **kafka_arguments(self._settings),
                group_id=self._settings.retrain_group,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=_FETCH_WAIT_MS,
                request_timeout_ms=_REQUEST_TIMEOUT_MS,
            )
            self._consumer = consumer
            await consumer.start()
        return self._consumer

    def _take(self, value: bytes, place: str) -> None:
        try:
            request = decode_retrain_request(value)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            _LOGGER.warning("%s is no retrain request: %s; passed over", place, error)
            self._count("invalid")
            return
        if any(one.request_id == request.request_id for one in self._waiting):
            self._count("repeated")
            return
        self._waiting.append(request)
        self._count("taken")
