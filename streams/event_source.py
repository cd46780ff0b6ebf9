"""The event source: one poll = one micro-batch, several batches in flight.

Owns the loop, and its life from joining the group to leaving it: positions move behind what was handed to
the agent; where they begin, and begin again, is `streams.position_seeking`. Commits to Kafka what was
applied, for lag monitoring only. Made in `streams.event_path`, run as a service of the Faust app.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from typing import Any

from aiokafka import TopicPartition
from mode import Service

from schemas.errors import Unavailable
from streams.batches_in_flight import BatchesInFlight
from streams.ending_tasks import stop_in_time
from streams.group_member import GroupMember
from streams.health import Health
from streams.message_polling import MessagePolling, PositionLost
from streams.micro_batch import Abandoned, BatchOutcome, MicroBatch, Record
from streams.offset_commits import OffsetCommits
from streams.position_seeking import PositionSeeking
from streams.positions import Positions
from streams.retrying import until_available
from streams.taking_over import TakeOver
from streams.unreadable_records import UnreadableRecord

IN_FLIGHT = 3
"""Batches in flight at most: one is loaded while one is computed and one is emitted and saved."""
COMPARE_EVERY_S = 1.0
"""How often the watermarks are read, of the partitions without events too."""
DRAIN_S = 10.0
"""How long a stopping worker waits for the batches in flight."""


class EventSource(Service):
    """Polls, hands batches over, and follows what became of them."""

    def __init__(
        self,
        member: GroupMember,
        polling: MessagePolling,
        hand_over: Callable[[MicroBatch], Awaitable[None]],
        take_over: TakeOver,
        health: Health,
        commits: OffsetCommits,
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
            commits: told what was applied.
            patience_s: how long a rebalance waits for the batches in flight.
            kwargs: mode's.
        """
        super().__init__(**kwargs)
        self._member = member
        self._polling = polling
        self._health = health
        self._commits = commits
        self._patience_s = patience_s
        self._in_flight = BatchesInFlight(member, hand_over, self._follow)
        self._positions = Positions()
        self._seeking = PositionSeeking(
            member, take_over, self._positions, commits, health, lambda: self._settle(0), self._is_draining
        )
        self._running = False
        self._draining = False
        self._compare_at_s = 0.0
        self.ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        """Done when the source has stopped: with the exception that stopped it, if it was one."""

    async def on_start(self) -> None:
        """Join the consumer group."""
        await self._member.start(self._give_back)

    async def drain(self) -> None:
        """Finish the batches in flight, commit, and leave the group.

        Batches that take too long, or whose Redis or Kafka is away, are given up.
        """
        self._draining = True
        self._in_flight.hurry()
        if self._running:
            await asyncio.wait({self.ended}, timeout=min(DRAIN_S, self._patience_s))
            await self._in_flight.finish_or_give_up(0)
            await asyncio.wait({self.ended}, timeout=DRAIN_S)
        await stop_in_time("event consumer", self._member.stop)

    async def _give_back(self, revoked: Collection[TopicPartition]) -> None:
        """Partitions go: their positions are void at once, the batches in flight finished or given up."""
        for partition in revoked:
            self._positions.forget(partition)
        await self._in_flight.finish_or_give_up(self._patience_s)
        await self._commits.commit()
        self._commits.forget(revoked)

    @Service.task
    async def _run(self) -> None:
        self._running = True
        try:
            while not self.should_stop and not self._draining:
                await self._step()
            await self._settle(0)
            await self._commits.commit()
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
        await self._settle(IN_FLIGHT - 1)
        if self._seeking.astray:
            await self._seeking.turn_back()
        if new := self._member.assignment - set(self._positions):
            await self._seeking.take(new)
        if time.monotonic() >= self._compare_at_s:
            await self._compare()
            return
        fetched = await until_available(self._poll, "kafka", self._health, given_up=self._is_draining)
        records = {partition: found for partition, found in fetched.items() if partition in self._positions}
        if records:
            await self._launch(self._positions.batch(records))

    async def _settle(self, most: int) -> None:
        """Wait until no more than so many batches are in flight; where one was given up, none is."""
        try:
            await self._in_flight.settle(most)
        except Abandoned:
            self._give_up()

    def _give_up(self) -> None:
        self._in_flight.give_up()
        self._seeking.void()

    async def _poll(self) -> dict[TopicPartition, list[Record]]:
        """The next messages; after an error all positions are void, for the client may have dropped some."""
        try:
            return await self._polling.poll(self._positions.among(self._member.assignment))
        except (UnreadableRecord, PositionLost):
            self._seeking.void()
            return {}
        except Unavailable:
            self._seeking.void()
            raise

    async def _compare(self) -> None:
        """See that Redis answers and where it stands, also where no event comes.

        A Redis that went back or lost everything is caught up at once.
        """
        await self._seeking.compare(one for one in self._positions if one not in self._in_flight)
        if not self._seeking.astray and (catching_up := self._positions.catching_up()):
            await self._launch(catching_up)
        self._compare_at_s = time.monotonic() + COMPARE_EVERY_S

    async def _launch(self, batch: MicroBatch) -> None:
        """Hand a batch over."""
        try:
            await self._in_flight.launch(batch)
        except Abandoned:
            self._give_up()

    def _follow(self, outcome: BatchOutcome) -> None:
        """Note what was applied, and which partitions are not where they were expected."""
        self._commits.note(outcome.applied)
        for partition in self._positions.among(outcome.refused):
            self._seeking.go_astray(partition, outcome.expected[partition])

    def _is_draining(self) -> bool:
        return self._draining
