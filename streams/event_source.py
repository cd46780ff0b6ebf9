"""The event source: one poll = one micro-batch, one batch in flight.

Owns the positions of the worker's partitions: takes them over from the watermarks, moves them behind what was
applied,
and goes where the watermark says when a batch was refused. Commits to Kafka afterwards, for lag monitoring
only.
Made in `streams.worker`, run as a service of the Faust app.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

import structlog
from aiokafka import TopicPartition
from mode import Service

from schemas.errors import Unavailable
from streams.ending_tasks import stop_in_time
from streams.group_member import GroupMember
from streams.health import Health
from streams.message_polling import MessagePolling
from streams.metrics import WorkerMetrics
from streams.micro_batch import Abandoned, BatchOutcome, MicroBatch, Record, Watermarks, advanced
from streams.retrying import until_available
from streams.taking_over import Position, TakeOver
from streams.unreadable_records import UnreadableRecord

log = structlog.get_logger("millrace.source")
T = TypeVar("T")
COMPARE_EVERY_S = 1.0
"""How often the watermarks and the ends of the logs are read, for the partitions without events too."""
DRAIN_S = 10.0
"""How long a stopping worker waits for the batch in flight."""


class EventSource(Service):
    """Polls, hands batches over, and follows what became of them."""

    def __init__(
        self,
        member: GroupMember,
        polling: MessagePolling,
        hand_over: Callable[[MicroBatch], Awaitable[None]],
        take_over: TakeOver,
        health: Health,
        metrics: WorkerMetrics,
        patience_s: float,
        **kwargs: Any,
    ) -> None:
        """Bind the parts.

        Args:
            member: the consumer's place in the group.
            polling: the consumer's messages.
            hand_over: gives a batch to the agent; the agent resolves its outcome.
            take_over: finds positions.
            health: shows what the source waits for.
            metrics: the worker's.
            patience_s: how long a rebalance waits for the batch in flight.
            kwargs: mode's.
        """
        super().__init__(**kwargs)
        self._member = member
        self._polling = polling
        self._hand_over = hand_over
        self._take_over = take_over
        self._health = health
        self._metrics = metrics
        self._patience_s = patience_s
        self._positions: dict[TopicPartition, Position] = {}
        self._in_flight: MicroBatch | None = None
        self._running = False
        self._draining = False
        self._compare_at_s = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the source has stopped: with the exception that stopped it, if it was one."""

    async def on_start(self) -> None:
        """Join the consumer group."""
        await self._member.start(self._give_back)

    async def drain(self) -> None:
        """Finish the batch in flight, commit, and leave the group.

        A batch that takes too long, or whose Redis or Kafka is away, is given up.
        """
        self._draining = True
        if self._in_flight is not None:
            self._in_flight.hurried = True
        if self._running:
            await asyncio.wait({self.ended}, timeout=min(DRAIN_S, self._patience_s))
            await self._finish_or_abandon(0)
            await asyncio.wait({self.ended}, timeout=DRAIN_S)
        await stop_in_time("event consumer", self._member.stop)

    async def _give_back(self, revoked: Collection[TopicPartition]) -> None:
        """Partitions go: their batch is finished or given up, their positions are void."""
        await self._finish_or_abandon(self._patience_s)
        for partition in revoked:
            if self._positions.pop(partition, None):
                self._metrics.consumer_lag.remove(*partition)

    async def _finish_or_abandon(self, patience_s: float) -> None:
        """Wait for the batch in flight, then give it up unsaved.

        Its successor repeats it from the watermark.
        """
        batch = self._in_flight
        if batch is None:
            return
        await asyncio.wait({batch.outcome}, timeout=patience_s)
        if not batch.outcome.done():
            batch.abandoned = True
            log.warning("batch in flight given up", partitions=len(batch.records))

    @Service.task
    async def _run(self) -> None:
        self._running = True
        try:
            while not self.should_stop and not self._draining:
                await self._step()
        except Abandoned:  # the worker stops while Redis or Kafka is away
            self.ended.set_result(None)
        except Exception as error:  # noqa: BLE001  # the process boundary: the worker stops, and says why
            self.ended.set_exception(error)
        else:
            self._end_of_loop()

    def _end_of_loop(self) -> None:
        if self._draining:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(
                RuntimeError("the Faust app has stopped by itself; its reason is logged above")
            )

    async def _step(self) -> None:
        if new := self._member.assignment - self._positions.keys():
            await self._take(new)
        if time.monotonic() >= self._compare_at_s:
            await self._compare()
        fetched = await until_available(self._poll, "kafka", self._health, given_up=self._is_draining)
        records = {partition: found for partition, found in fetched.items() if partition in self._positions}
        if records:
            await self._process(records)

    async def _poll(self) -> dict[TopicPartition, list[Record]]:
        """The next messages; after an error all positions are void, for the client may have dropped some."""
        try:
            return await self._polling.poll(self._member.assignment & self._positions.keys())
        except UnreadableRecord:
            self._void_positions()
            return {}
        except Unavailable:
            self._void_positions()
            raise

    def _void_positions(self) -> None:
        self._member.pause(self._positions.keys())
        self._positions.clear()

    async def _take(self, partitions: Collection[TopicPartition]) -> None:
        """Read the positions of partitions and go there; they stay paused until then."""
        self._member.pause(partitions)
        found = await self._patiently("redis", lambda: self._take_over.positions(partitions))
        for partition, position in found.items():
            self._go_to(partition, position)

    async def _compare(self) -> None:
        """See that Redis and Kafka answer and where they stand, also where no event comes.

        A Redis that went back or lost everything is caught up at once.
        """
        partitions = list(self._positions)  # a copy: a rebalance may take some away meanwhile
        stored = await self._patiently("redis", lambda: self._take_over.stored(partitions))
        for partition, marks in stored.items():
            if partition in self._positions and marks != self._positions[partition].expected:
                await self._turn_to(partition, marks)
        self._compare_at_s = time.monotonic() + COMPARE_EVERY_S

    @Service.task
    async def _watch_log_ends(self) -> None:
        """Every second: does Kafka answer, and how far behind are the partitions. A poll does not tell."""
        while not self.should_stop:
            try:
                ends = await self._member.ends(list(self._positions))
            except Unavailable as error:
                self._health.fail("kafka brokers", str(error))
            else:
                self._health.recover("kafka brokers")
                for partition, end in ends.items():
                    if (position := self._positions.get(partition)) is not None:
                        self._metrics.consumer_lag.labels(*partition).set(max(0, end - position.offset))
            await self.sleep(COMPARE_EVERY_S)

    async def _process(self, records: dict[TopicPartition, list[Record]]) -> None:
        numbers = {
            partition.partition for partition in records
        }  # of all event topics: they are saved together
        expected = {one: self._positions[one].expected for one in self._positions if one.partition in numbers}
        batch = MicroBatch(records, expected, asyncio.get_running_loop().create_future())
        self._in_flight = batch
        try:
            handing_over = asyncio.ensure_future(self._hand_over(batch))
            await self._member.alive(handing_over, lambda: batch.abandoned)
            outcome = await self._member.alive(batch.outcome, lambda: batch.abandoned)
        except Abandoned:
            self._void_positions()
        else:
            await self._follow(outcome)
        finally:
            self._in_flight = None

    async def _follow(self, outcome: BatchOutcome) -> None:
        """Move on behind what was applied; go where the watermark says where the batch was refused."""
        applied = {
            partition: offset for partition, offset in outcome.applied.items() if partition in self._positions
        }
        for partition, offset in applied.items():
            marks = advanced(self._positions[partition].expected, offset)
            self._positions[partition] = Position(offset, marks)
        for partition, stored in outcome.refused.items():
            if partition in self._positions:
                await self._turn_to(partition, stored)
        if applied:
            with self._metrics.stage("commit"):
                await self._member.commit(applied)

    async def _turn_to(self, partition: TopicPartition, stored: Watermarks) -> None:
        """The store has other watermarks than expected: another worker went on, or Redis went back."""
        self._member.pause([partition])
        expected = self._positions.pop(partition).expected
        position = await self._patiently(
            "redis", lambda: self._take_over.position(partition, stored, expected)
        )
        self._go_to(partition, position)

    def _go_to(self, partition: TopicPartition, position: Position) -> None:
        if self._member.seek(partition, position.offset):
            self._positions[partition] = position

    async def _patiently(self, part: str, operation: Callable[[], Awaitable[T]]) -> T:
        waiting = until_available(operation, part, self._health, given_up=self._is_draining)
        return await self._member.alive(asyncio.ensure_future(waiting), self._is_draining)

    def _is_draining(self) -> bool:
        return self._draining
