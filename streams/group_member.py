"""The worker's membership in the consumer group.

What it was given, polling, seeking, committing, staying alive.

Owns the consumer of the event topics. Kafka's rebalance listener only marks, for aiokafka swallows what a
listener
raises: new partitions stay paused until `seek`, taken ones are reported to the event source. Caller:
`streams.event_source`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Collection
from typing import TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import (
    CommitFailedError,
    IllegalStateError,
    KafkaError,
)

from schemas.errors import Unavailable
from streams.message_polling import sorted_errors
from streams.micro_batch import Abandoned

log = structlog.get_logger("millrace.group")
T = TypeVar("T")
KEEP_ALIVE_S = 0.5
"""How often the group is told that a waiting worker lives."""
ANSWER_S = 5.0
"""How long Kafka may take to tell the ends of partitions."""


class GroupMember:
    """One consumer in the group of the workers."""

    def __init__(
        self,
        consumer: AIOKafkaConsumer,
        topics: Collection[str],
    ) -> None:
        """Bind the consumer.

        Args:
            consumer: not started, without auto-commit.
            topics: the event topics.
        """
        self._consumer = consumer
        self._topics = topics
        self._between_assignments = False
        self.joined = asyncio.Event()
        """Set once the group has given this worker its partitions, were it none."""

    async def start(self, on_revoked: Callable[[Collection[TopicPartition]], Awaitable[None]]) -> None:
        """Join the group; `on_revoked` is awaited before partitions go.

        Raises:
            Unavailable: Kafka does not answer.
            UsageError: Kafka does not let this worker in.
        """
        self._consumer.subscribe(list(self._topics), listener=_Marks(self, on_revoked))
        with sorted_errors():
            await self._consumer.start()

    async def stop(self) -> None:
        """Leave the group."""
        await self._consumer.stop()

    @property
    def assignment(self) -> frozenset[TopicPartition]:
        """The partitions of this worker; none from a revocation to the next assignment.

        aiokafka goes on to name the old ones meanwhile: who takes them over then has the position of a
        partition
        that comes back paused and unread.
        """
        return frozenset() if self._between_assignments else frozenset(self._consumer.assignment())

    @property
    def known(self) -> frozenset[TopicPartition]:
        """The partitions of this worker; until a rebalance has ended, the old ones."""
        return frozenset(self._consumer.assignment())

    def pause(self, partitions: Collection[TopicPartition]) -> frozenset[TopicPartition]:
        """Fetch nothing of partitions until they are sought.

        Those that were still this worker's come back.
        """
        ours = self.assignment & set(partitions)
        self._consumer.pause(*ours)
        return ours

    def resume(self, partitions: Collection[TopicPartition]) -> None:
        """Fetch partitions again, as far as they are still this worker's."""
        self._consumer.resume(*(self.assignment & set(partitions)))

    def seek(self, partition: TopicPartition, offset: int) -> bool:
        """Go on from an offset; False if the partition is not this worker's any more."""
        if partition not in self.assignment:
            return False
        self._consumer.seek(partition, offset)
        self._consumer.resume(partition)
        return True

    async def commit(self, offsets: dict[TopicPartition, int]) -> None:
        """Tell Kafka where the partitions stand, for lag monitoring.

        A failure is logged, the watermark is the truth.
        """
        try:
            async with asyncio.timeout(ANSWER_S):  # aiokafka itself tries for ever
                await self._consumer.commit(offsets)
        except (CommitFailedError, IllegalStateError):
            log.info("offsets not committed, the partitions have moved on", partitions=len(offsets))
        except (KafkaError, TimeoutError) as error:
            log.warning("offsets not committed, the next batch will", error=repr(error))

    async def ends(self, partitions: Collection[TopicPartition]) -> dict[TopicPartition, int]:
        """The ends of the partitions' logs, asked from Kafka now.

        Raises:
            Unavailable: Kafka does not answer within 5 s; `poll` does not tell, it just finds nothing.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                ends: dict[TopicPartition, int] = await self._consumer.end_offsets(partitions)
        except (KafkaError, TimeoutError) as error:
            raise Unavailable(f"Kafka does not tell the ends of the partitions: {error!r}") from error
        return ends

    async def alive(self, work: "asyncio.Future[T]", given_up: Callable[[], bool]) -> T:
        """Await work while polling paused partitions, so that the group does not expel a worker that waits.

        Raises:
            Abandoned: `given_up` said so before the work was done.
        """
        paused: frozenset[TopicPartition] = frozenset()
        while not work.done():
            if given_up():
                raise Abandoned
            await asyncio.wait({work}, timeout=KEEP_ALIVE_S)
            if not work.done():
                paused |= self.pause(self.assignment - self._consumer.paused())
                with contextlib.suppress(KafkaError):  # the next poll meets it again
                    await self._consumer.getmany(timeout_ms=0)
        self.resume(paused)
        return work.result()

    def mark_revoked(self) -> None:
        """Kafka takes the partitions away, to give them out anew."""
        self._between_assignments = True

    def mark_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Kafka has given out the partitions; they stay paused until they are sought."""
        self._between_assignments = False
        self.pause(assigned)
        self.joined.set()


class _Marks(ConsumerRebalanceListener):  # type: ignore[misc]
    """Kafka's listener: it marks, the event source acts."""

    def __init__(
        self, member: GroupMember, on_revoked: Callable[[Collection[TopicPartition]], Awaitable[None]]
    ) -> None:
        self._member = member
        self._on_revoked = on_revoked

    async def on_partitions_revoked(self, revoked: Collection[TopicPartition]) -> None:
        self._member.mark_revoked()
        await self._on_revoked(revoked)

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        self._member.mark_assigned(assigned)
