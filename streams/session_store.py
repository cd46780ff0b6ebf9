"""SessionStore: states, latest lists and watermarks behind one interface, with the one compare-and-set.

Implementations: `streams.redis_session_store` (production) and `streams.memory_session_store` (tests of the
flow); both
pass the same contract suite. Caller: `streams.batch_processor`, `streams.taking_over`.
"""

from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import TopicPartition

from schemas.ids import SessionId
from schemas.session_state import SessionState
from streams.micro_batch import Watermarks


@dataclass(frozen=True)
class Loaded:
    """What the store holds at one moment."""

    watermarks: dict[TopicPartition, Watermarks]
    states: dict[SessionId, SessionState]
    """The sessions that are stored; others are absent."""


@dataclass(frozen=True)
class UnitSave:
    """What a batch changes through the partitions of one number, one of each event topic.

    All of it or nothing.

    A session's events of all topics lie in one partition number, so these watermarks guard its state
    together.
    """

    expected: dict[TopicPartition, Watermarks]
    new: dict[TopicPartition, Watermarks]
    """Beside `expected`; the same where the batch has no event of the partition."""
    states: dict[SessionId, SessionState | None] = field(default_factory=dict)
    """None: delete the session's state and latest list."""
    latest: dict[SessionId, bytes] = field(default_factory=dict)


class SessionStore(Protocol):
    """Where sessions live between events."""

    @property
    def buckets(self) -> int:
        """Into how many buckets sessions are hashed."""
        ...

    async def load(self, partitions: Collection[TopicPartition], sessions: Collection[SessionId]) -> Loaded:
        """Watermarks and states, read together: at one moment per bucket.

        Raises:
            Unavailable: the store does not answer.
        """
        ...

    async def save(self, saves: Collection[UnitSave]) -> dict[TopicPartition, Watermarks]:
        """Move the watermarks of each unit from `expected` to `new` and write its sessions, or neither.

        Returns:
            The partitions of the units that were refused, because a stored watermark was not the expected
            one, with those stored.

        Raises:
            Unavailable: the store does not answer; whether it saved is not known.
        """
        ...
