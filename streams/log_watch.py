"""Watching the ends of the logs: does Kafka answer, and how far behind are the partitions. No poll tells.

Made and run by `streams.worker`.
"""

import asyncio

from schemas.errors import Unavailable
from streams.group_member import GroupMember
from streams.health import Health
from streams.offset_commits import OffsetCommits

LOOK_EVERY_S = 1.0


class LogWatch:
    """The watch of one worker's partitions."""

    def __init__(self, member: GroupMember, health: Health, commits: OffsetCommits) -> None:
        """Bind the parts.

        Args:
            member: has the partitions, and asks Kafka.
            health: shows that Kafka does not answer.
            commits: shows how far the partitions are behind.
        """
        self._member = member
        self._health = health
        self._commits = commits

    async def run(self) -> None:
        """Look every second until cancelled.

        Also at partitions without a position: to find one, Kafka is waited for.
        """
        while True:
            try:
                ends = await self._member.ends(self._member.known)
            except Unavailable as error:
                self._health.fail("kafka brokers", str(error))
            else:
                self._health.recover("kafka brokers")
                self._commits.show_lag(ends)
            await asyncio.sleep(LOOK_EVERY_S)
