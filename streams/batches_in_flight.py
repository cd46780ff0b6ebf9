"""The batches that were handed to the agent and whose outcome is not known yet, in log order.

Owns how long they are waited for, and giving them up. Caller: `streams.event_source`.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable

import structlog
from aiokafka import TopicPartition

from streams.group_member import GroupMember
from streams.micro_batch import BatchOutcome, MicroBatch

log = structlog.get_logger("millrace.source")


class BatchesInFlight:
    """A bounded row of batches."""

    def __init__(
        self,
        member: GroupMember,
        hand_over: Callable[[MicroBatch], Awaitable[None]],
        follow: Callable[[BatchOutcome], None],
    ) -> None:
        """Bind the parts.

        Args:
            member: kept alive in its group while the row is waited for.
            hand_over: gives a batch to the agent; the agent resolves its outcome.
            follow: told of every outcome that is no exception, as soon as it is known.
        """
        self._member = member
        self._hand_over = hand_over
        self._follow = follow
        self._row: deque[MicroBatch] = deque()

    def __contains__(self, partition: TopicPartition) -> bool:
        """Whether a partition is part of a batch in flight."""
        return any(partition in batch.marks for batch in self._row)

    async def launch(self, batch: MicroBatch) -> None:
        """Hand a batch over.

        Raises:
            Abandoned: it was given up meanwhile.
        """
        self._row.append(batch)
        batch.outcome.add_done_callback(self._done)
        handing_over = asyncio.ensure_future(self._hand_over(batch))
        await self._member.alive(handing_over, lambda: batch.abandoned)

    async def settle(self, most: int) -> None:
        """Wait until no more than so many batches are in flight.

        Raises:
            Abandoned: one was given up.
            UsageError: one failed for what waiting cannot cure.
        """
        while self._row and (len(self._row) > most or self._row[0].outcome.done()):
            batch = self._row[0]
            await self._member.alive(batch.outcome, lambda: batch.abandoned)  # noqa: B023
            self._row.popleft()

    async def finish_or_give_up(self, patience_s: float) -> None:
        """Wait for all outcomes, then give the batches up; a successor repeats them from the watermark."""
        if not self._row:
            return
        await asyncio.wait([batch.outcome for batch in self._row], timeout=patience_s)
        unfinished = [batch for batch in self._row if not batch.outcome.done()]
        for batch in unfinished:
            batch.abandoned = True
        if unfinished:
            log.warning("batches in flight given up", batches=len(unfinished))

    def give_up(self) -> None:
        """One batch was given up, so all are: those behind it start from its states."""
        for batch in self._row:
            batch.abandoned = True
        self._row.clear()

    def hurry(self) -> None:
        """The worker stops: wait for Redis and Kafka no more than for their answers."""
        for batch in self._row:
            batch.hurried = True

    def _done(self, outcome: "asyncio.Future[BatchOutcome]") -> None:
        if not outcome.cancelled() and outcome.exception() is None:
            self._follow(outcome.result())
