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

from streams.ending_tasks import stop_in_time
from streams.group_member import GroupMember
from streams.health import Health
from streams.metrics import WorkerMetrics
from streams.micro_batch import Abandoned, BatchOutcome, MicroBatch, Record, Watermarks
from streams.retrying import until_available
from streams.taking_over import Position, TakeOver

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
        hand_over: Callable[[MicroBatch], Awaitable[None]],
        take_over: TakeOver,
        health: Health,
        metrics: WorkerMetrics,
        patience_s: float,
        **kwargs: Any,
    ) -> None:
        """Bind the parts.

        Args:
            member: the consumer.
            hand_over: gives a batch to the agent; the agent resolves its outcome.
            take_over: finds positions.
            health: shows what the source waits for.
            metrics: the worker's.
            patience_s: how long a rebalance waits for the batch in flight.
            kwargs: mode's.
        """
        super().__init__(**kwargs)
        self._member = member
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
            self.ended.set_result(None)

    async def _step(self) -> None:
        if new := self._member.assignment - self._positions.keys():
            await self._take(new)
        if time.monotonic() >= self._compare_at_s:
            await self._compare()
        fetched = await until_available(self._member.poll, "kafka", self._health, given_up=self._is_draining)
        records = {partition: found for partition, found in fetched.items() if partition in self._positions}
        if records:
            await self._process(records)

    async def _take(self, partitions: Collection[TopicPartition]) -> None:
        """Read the positions of partitions and go there; they stay paused until then."""
        self._member.pause(partitions)
        found = await self._patiently("redis", lambda: self._take_over.positions(partitions))
        for partition, position in found.items():
            await self._go_to(partition, position)

    async def _compare(self) -> None:
        """See that Redis and Kafka answer and where they stand, also where no event comes.

        A Redis that went back or lost everything is caught up at once.
        """
        partitions = list(self._positions)  # a copy: a rebalance may take some away meanwhile
        stored = await self._patiently("redis", lambda: self._take_over.stored(partitions))
        for partition, marks in stored.items():
            if partition in self._positions and marks != self._positions[partition].expected:
                await self._turn_to(partition, marks)
        for partition, end in (await self._patiently("kafka", lambda: self._member.ends(partitions))).items():
            position = self._positions.get(partition)
            if position is not None and position.offset is not None:
                self._metrics.consumer_lag.labels(*partition).set(max(0, end - position.offset))
        self._compare_at_s = time.monotonic() + COMPARE_EVERY_S

    async def _process(self, records: dict[TopicPartition, list[Record]]) -> None:
        expected = {partition: self._positions[partition].expected for partition in records}
        batch = MicroBatch(records, expected, asyncio.get_running_loop().create_future())
        self._in_flight = batch
        try:
            await self._hand_over(batch)
            outcome = await self._member.alive(batch.outcome, lambda: batch.abandoned)
        except Abandoned:
            for partition in records:
                self._positions.pop(partition, None)
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
            self._positions[partition] = Position(
                offset, (offset,) * len(self._positions[partition].expected)
            )
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
        await self._go_to(partition, position)

    async def _go_to(self, partition: TopicPartition, position: Position) -> None:
        if await self._member.seek(partition, position.offset):
            self._positions[partition] = position

    async def _patiently(self, part: str, operation: Callable[[], Awaitable[T]]) -> T:
        waiting = until_available(operation, part, self._health, given_up=self._is_draining)
        return await self._member.alive(asyncio.ensure_future(waiting), self._is_draining)

    def _is_draining(self) -> bool:
        return self._draining
