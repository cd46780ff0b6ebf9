"""The event source: its own Kafka consumer, one poll = one micro-batch, one batch in flight.

Owns the positions of the worker's partitions: takes them over from the watermarks, seeks where a batch was
refused, and commits to
Kafka after a batch (for lag monitoring; the truth is the watermark). Kafka's rebalance listener only marks:
aiokafka swallows
what it raises. Made in `streams.worker`, run as a service of the Faust app.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from typing import Any, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from mode import Service

from streams.health import Health
from streams.metrics import WorkerMetrics
from streams.micro_batch import Abandoned, BatchOutcome, MicroBatch
from streams.retrying import until_available
from streams.taking_over import Position, TakeOver

log = structlog.get_logger("millrace.source")
T = TypeVar("T")
IDLE_POLL_MS = 200
DRAIN_S = 10.0
"""How long a stopping worker waits for the batch in flight."""
KEEP_ALIVE_S = 0.5
"""How often the group is told that a waiting worker lives."""


class EventSource(Service):
    """Polls, hands batches over, and follows what became of them."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topics: Collection[str],
        hand_over: Callable[[MicroBatch], Awaitable[Any]],
        take_over: TakeOver,
        health: Health,
        metrics: WorkerMetrics,
        patience_s: float,
        start_at: str,
        max_records: int,
        **kwargs: Any,
    ) -> None:
        """Bind the parts.

        Args:
            consumer: not started, without auto-commit.
            topics: the event topics.
            hand_over: gives a batch to the agent; the agent resolves its outcome.
            take_over: finds positions.
            health: shows what the source waits for.
            metrics: the worker's.
            patience_s: how long a rebalance or a stop waits for the batch in flight.
            start_at: `earliest` or `latest`, for a partition without any position.
            max_records: messages in a batch at most.
            kwargs: mode's.
        """
        super().__init__(**kwargs)
        self._consumer = consumer
        self._topics = topics
        self._hand_over = hand_over
        self._take_over = take_over
        self._health = health
        self._metrics = metrics
        self._patience_s = patience_s
        self._start_at = start_at
        self._max_records = max_records
        self._positions: dict[TopicPartition, Position] = {}
        self._in_flight: MicroBatch | None = None
        self._draining = False
        self.joined = asyncio.Event()
        """Set once the group has given this worker its partitions, were it none."""
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the source has stopped: with the exception that stopped it, if it was one."""

    async def on_start(self) -> None:
        """Join the consumer group."""
        self._consumer.subscribe(list(self._topics), listener=_MarkRevoked(self))
        await self._consumer.start()

    async def drain(self) -> None:
        """Finish the batch in flight, commit, and leave the group; at most the patience of a rebalance."""
        self._draining = True
        await asyncio.wait({self.ended}, timeout=min(DRAIN_S, self._patience_s))
        await self.abandon_in_flight(0)
        await asyncio.wait({self.ended}, timeout=DRAIN_S)
        await self._consumer.stop()

    async def abandon_in_flight(self, patience_s: float) -> None:
        """Wait for the batch in flight, then give it up uncommitted; its successor repeats it from the
        watermark.
        """
        batch = self._in_flight
        if batch is None:
            return
        await asyncio.wait({batch.outcome}, timeout=patience_s)
        if not batch.outcome.done():
            batch.abandoned = True
            log.warning("batch in flight given up", partitions=len(batch.records))

    def forget(self, partitions: Collection[TopicPartition]) -> None:
        """Partitions were taken away: their positions are void."""
        for partition in partitions:
            self._positions.pop(partition, None)

    @Service.task
    async def _run(self) -> None:
        try:
            while not self.should_stop and not self._draining:
                await self._step()
        except Abandoned:  # the worker stops while Redis or Kafka is away
            self.ended.set_result(None)
        except Exception as error:  # the process boundary: the worker stops, and says why
            self.ended.set_exception(error)
        else:
            self.ended.set_result(None)

    async def _step(self) -> None:
        if new := self._consumer.assignment() - self._positions.keys():
            await self._take(new)
        fetched = await self._consumer.getmany(timeout_ms=IDLE_POLL_MS, max_records=self._max_records)
        records = {
            partition: found for partition, found in fetched.items() if found and partition in self._positions
        }
        if not records:
            return
        expected = {partition: self._positions[partition].expected for partition in records}
        batch = MicroBatch(records, expected, asyncio.get_running_loop().create_future())
        self._in_flight = batch
        try:
            await self._hand_over(batch)
            outcome = await self._alive(batch.outcome, lambda: batch.abandoned)
        except Abandoned:
            self.forget(list(records))
            return
        finally:
            self._in_flight = None
        await self._follow(outcome)

    async def _take(self, partitions: Collection[TopicPartition]) -> None:
        """Read the positions of partitions and seek there; they stay paused until then."""
        self._pause(partitions)
        found = await self._alive(
            asyncio.ensure_future(
                until_available(
                    lambda: self._take_over.positions(partitions),
                    "redis",
                    self._health,
                    given_up=lambda: self._draining,
                )
            )
        )
        for partition, position in found.items():
            await self._seek(partition, position)

    async def _follow(self, outcome: BatchOutcome) -> None:
        """Move on behind what was applied; go where the watermark says where a batch was refused."""
        applied = {
            partition: offset for partition, offset in outcome.applied.items() if partition in self._positions
        }
        for partition, offset in applied.items():
            buckets = len(self._positions[partition].expected)
            self._positions[partition] = Position(offset, (offset,) * buckets)
            self._note_lag(partition, offset)
        for partition, stored in outcome.refused.items():
            before = self._positions.get(partition)
            if before is not None:
                self._pause([partition])
                position = await self._alive(
                    asyncio.ensure_future(
                        until_available(
                            lambda p=partition, s=stored, b=before: self._take_over.position(
                                p, s, b.expected
                            ),  # type: ignore[misc]
                            "kafka",
                            self._health,
                            given_up=lambda: self._draining,
                        )
                    )
                )
                await self._seek(partition, position)
        await self._commit(applied)

    async def _seek(self, partition: TopicPartition, position: Position) -> None:
        if partition not in self._consumer.assignment():
            return
        try:
            if position.offset is not None:
                self._consumer.seek(partition, position.offset)
            elif self._start_at == "earliest":
                await self._consumer.seek_to_beginning(partition)
            else:
                await self._consumer.seek_to_end(partition)
            self._positions[partition] = position
            self._consumer.resume(partition)
        except IllegalStateError:  # taken away in the meantime
            self.forget([partition])

    async def _commit(self, applied: dict[TopicPartition, int]) -> None:
        if not applied:
            return
        try:
            with self._metrics.stage("commit"):
                await self._consumer.commit(applied)
        except (CommitFailedError, IllegalStateError):
            log.info("offsets not committed, the partitions have moved on", partitions=len(applied))
        except KafkaError as error:
            log.warning("offsets not committed, the next batch will", error=repr(error))

    async def _alive(self, work: "asyncio.Future[T]", given_up: Callable[[], bool] = lambda: False) -> T:
        """Await work while polling paused partitions, so that the group does not expel a worker that
        waits.
        """
        paused: set[TopicPartition] = set()
        while not work.done() and not given_up():
            await asyncio.wait({work}, timeout=KEEP_ALIVE_S)
            if not work.done():
                paused |= self._pause(self._consumer.assignment() - self._consumer.paused())
                await self._consumer.getmany(timeout_ms=0)
        if not work.done():
            raise Abandoned
        for partition in paused & self._consumer.assignment() & self._positions.keys():
            self._consumer.resume(partition)
        return work.result()

    def _pause(self, partitions: Collection[TopicPartition]) -> set[TopicPartition]:
        ours: set[TopicPartition] = set(partitions) & self._consumer.assignment()
        self._consumer.pause(*ours)
        return ours

    def _note_lag(self, partition: TopicPartition, offset: int) -> None:
        end = self._consumer.highwater(partition)
        if end is not None:
            self._metrics.consumer_lag.labels(partition.topic, partition.partition).set(max(0, end - offset))


class _MarkRevoked(ConsumerRebalanceListener):  # type: ignore[misc]
    """Marks only: positions become void when partitions go, and are taken over by the source's loop when they
    come.
    """

    def __init__(self, source: EventSource) -> None:
        self._source = source

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        await self._source.abandon_in_flight(self._source._patience_s)
        self._source.forget(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._source._pause(assigned)
        self._source.joined.set()
