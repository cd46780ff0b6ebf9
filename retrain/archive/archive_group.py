"""The archiver's membership in its consumer group: its partitions now, and what the group is told.

Kafka's listener only marks, for aiokafka swallows what a listener raises. Each revocation begins a new
generation: whatever was read or asked before is then no longer certain. Caller: `retrain.archive.archiver`.
"""

import asyncio
from collections.abc import Collection

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError

log = structlog.get_logger("millrace.archive")
_COMMIT_S = 5.0
"""aiokafka itself tries for ever."""


class ArchiveGroup(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka has no types
    """What the group has given to one consumer."""

    def __init__(self, consumer: AIOKafkaConsumer) -> None:
        """Bind the consumer; give this as the listener of its subscription."""
        self._consumer = consumer
        self._partitions: frozenset[TopicPartition] = frozenset()
        self.generation = 0
        """Rises before the partitions change."""

    def now(self) -> tuple[int, frozenset[TopicPartition]]:
        """The generation and its partitions; none between a revocation and the next assignment."""
        return self.generation, self._partitions

    async def on_partitions_revoked(
        self,
        revoked: Collection[TopicPartition],  # noqa: ARG002  # the signature of aiokafka
    ) -> None:
        """Kafka takes the partitions away, to give them out anew: all of them, whichever it names."""
        self.generation += 1
        self._partitions = frozenset()

    async def on_partitions_assigned(self, assigned: Collection[TopicPartition]) -> None:
        """Kafka has given out the partitions; they stay paused until they are sought."""
        self.generation += 1
        self._partitions = frozenset(assigned)
        self._consumer.pause(*assigned)

    async def commit(self, partition: TopicPartition, offset: int) -> None:
        """Tell Kafka how far the archive is, for lag monitors; a failure is nothing to us."""
        try:
            async with asyncio.timeout(_COMMIT_S):
                await self._consumer.commit({partition: offset})
        except (CommitFailedError, IllegalStateError):
            log.info("offsets not committed, the partitions have moved on")
        except (KafkaError, TimeoutError) as error:
            log.warning("offsets not committed, the next file will", error=repr(error))
