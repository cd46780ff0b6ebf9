"""Seeking positions: bringing the worker's partitions to where their watermarks stand.

When they are taken over, when a batch of theirs was refused, and when Redis went back or lost everything.
Owns which partitions are astray: elsewhere than expected. Where a partition goes on is `streams.taking_over`.
Caller: `streams.event_source`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable
from typing import TypeVar

from aiokafka import TopicPartition

from streams.group_member import GroupMember
from streams.health import Health
from streams.micro_batch import Watermarks
from streams.offset_commits import OffsetCommits
from streams.positions import Positions
from streams.retrying import SLOW_S, until_available
from streams.taking_over import Position, TakeOver

T = TypeVar("T")


class PositionSeeking:
    """The seeking of one worker.

    Attributes:
        astray: the partitions that are to be turned back, with the watermarks that were expected.
    """

    def __init__(
        self,
        member: GroupMember,
        take_over: TakeOver,
        positions: Positions,
        commits: OffsetCommits,
        health: Health,
        settle: Callable[[], Awaitable[None]],
        is_given_up: Callable[[], bool],
    ) -> None:
        """Bind the parts.

        Args:
            member: the consumer's place in the group; pauses and seeks.
            take_over: finds positions.
            positions: what is brought up to date.
            commits: told where a partition goes on.
            health: shows that Redis is waited for.
            settle: waits until no batch is in flight: the watermarks may be about to move.
            is_given_up: whether the worker stops, so that nothing is waited for.
        """
        self.astray: dict[TopicPartition, Watermarks] = {}
        self._member = member
        self._take_over = take_over
        self._positions = positions
        self._commits = commits
        self._health = health
        self._settle = settle
        self._is_given_up = is_given_up

    async def take(self, partitions: Collection[TopicPartition]) -> None:
        """Read the positions of partitions and go there; they stay paused until then.

        Raises:
            Abandoned: the worker stops.
        """
        self._member.pause(partitions)
        await self._settle()
        found = await self._patiently(lambda: self._take_over.positions(partitions))
        for partition, position in found.items():
            self._go_to(partition, position)

    async def compare(self, idle: Iterable[TopicPartition]) -> None:
        """See that Redis answers and where it stands; what stands elsewhere than expected is astray.

        Args:
            idle: partitions that no batch in flight moves.

        Raises:
            Abandoned: the worker stops.
        """
        partitions = list(idle)
        stored = await self._patiently(lambda: self._take_over.stored(partitions))
        for partition, marks in stored.items():
            if partition in self._positions and marks != self._positions.expected(partition):
                self.go_astray(partition, self._positions.expected(partition))

    def go_astray(self, partition: TopicPartition, expected: Watermarks) -> None:
        """A partition is not where it was expected: another worker went on, or Redis went back."""
        self.astray.setdefault(partition, expected)

    async def turn_back(self) -> None:
        """Go to the watermarks of the partitions that are astray.

        Raises:
            Abandoned: the worker stops.
        """
        self._member.pause(self.astray)
        await self._settle()
        astray, self.astray = self.astray, {}
        gone = {one: marks for one, marks in astray.items() if self._positions.forget(one)}
        for partition, expected in gone.items():
            position = await self._patiently(
                lambda: self._take_over.position(partition, expected)  # noqa: B023
            )
            self._go_to(partition, position)

    def void(self) -> None:
        """No position counts any more: all are read anew."""
        self._member.pause(frozenset(self._positions))
        self._positions.clear()

    def _go_to(self, partition: TopicPartition, position: Position) -> None:
        if self._member.seek(partition, position.offset):
            self._positions.start(partition, position)
            self._commits.start_at(partition, position.offset)

    async def _patiently(self, operation: Callable[[], Awaitable[T]]) -> T:
        waiting = until_available(operation, "redis", self._health, self._is_given_up, slow_s=SLOW_S)
        return await self._member.alive(asyncio.ensure_future(waiting), self._is_given_up)
