"""Faust's consumer, with what a worker needs of it and Faust's own lacks. Caller: `streams.faust_app`.

* A message that cannot be parsed is passed over; Faust's own ends with it, and the worker with Faust.
* Messages of aborted transactions are not seen; Faust ties that to transactions of its own.
* Its thread can hang when it is stopped, and must not keep the process alive.
"""

import asyncio
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from faust.transport.drivers.aiokafka import AIOKafkaConsumerThread, Consumer, Transport
from faust.types import TP
from mode.threads import ServiceThread, WorkerThread

from streams.micro_batch import Record
from streams.partition_reading import read_on


class _DaemonThread(WorkerThread):
    def __init__(self, service: ServiceThread, **kwargs: Any) -> None:
        super().__init__(service, **kwargs)
        self.daemon = True


class _CatalogueThread(AIOKafkaConsumerThread):
    Worker = _DaemonThread

    def _create_consumer(self, loop: asyncio.AbstractEventLoop) -> AIOKafkaConsumer:
        consumer = super()._create_consumer(loop)
        consumer._isolation_level = "read_committed"  # noqa: SLF001  # read when the consumer starts
        return consumer

    async def _fetch_records(
        self,
        consumer: AIOKafkaConsumer,
        active_partitions: set[TP],
        timeout: float | None = None,  # noqa: ASYNC109  # Faust's signature
        max_records: int | None = None,  # noqa: ARG002  # the same
    ) -> dict[TopicPartition, list[Record]]:
        """What has come already of all partitions, or what comes first, in a turn of waiting at each."""
        if not self.consumer.flow_active:  # a rebalance began while this call was queued
            return {}
        partitions = [TopicPartition(*one) for one in list(active_partitions)]  # Faust changes it meanwhile
        here = {one: await read_on(consumer, one, 0) for one in partitions}
        if fetched := {one: records for one, records in here.items() if records}:
            return fetched
        turn_ms = int(1000 * (timeout or 0)) // max(len(partitions), 1)
        for one in partitions:
            if records := await read_on(consumer, one, turn_ms):
                return {one: records}
        return {}


class _CatalogueConsumer(Consumer):
    def _new_consumer_thread(self) -> AIOKafkaConsumerThread:
        return _CatalogueThread(self, loop=self.loop, beacon=self.beacon)


class CatalogueTransport(Transport):
    """Faust's transport with this consumer."""

    Consumer = _CatalogueConsumer
