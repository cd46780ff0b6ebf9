"""SessionStore: states, latest lists and watermarks behind one interface, with the one compare-and-set.

Implementations: `streams.redis_session_store` (production) and `streams.memory_session_store` (tests of the
flow); both
pass the same contract suite. Caller: `streams.batch_processor`, `streams.taking_over`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from aiokafka import TopicPartition

from schemas.ids import SessionId, UserId
from schemas.session_state import SessionState
from schemas.watermark import is_of_topic, read_watermark
from streams.micro_batch import Watermarks


@dataclass(frozen=True)
class Loaded:
    """What the store holds at one moment."""

    watermarks: dict[TopicPartition, Watermarks]
    """None for a bucket whose watermark counts in another topic, one that had this name before."""
    states: dict[SessionId, SessionState]
    """The sessions that are stored; others are absent."""
    topic_ids: dict[TopicPartition, frozenset[str]] = field(default_factory=dict)
    """The ids of the topics that a partition's stored watermarks count in, as far as they bear one."""


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
    owned: dict[tuple[UserId, SessionId], bool] = field(default_factory=dict)
    """Whether the session is one of the user's; others stay as they are."""
    buckets: Collection[int] | None = None
    """Those that are compared and written; the others hold none of the sessions. None: all."""


def loaded_of(
    partitions: Collection[TopicPartition],
    stored: Sequence[Sequence[bytes | None]],
    topic_ids: Mapping[str, str],
    states: dict[SessionId, SessionState],
) -> Loaded:
    """What a store has read.

    Args:
        partitions: whose watermarks were read.
        stored: by bucket, the watermarks of the partitions as they are written.
        topic_ids: by topic, the id that it has now.
        states: the sessions that were found.
    """
    loaded = Loaded({}, states)
    for place, partition in enumerate(partitions):
        values = [bucket[place] for bucket in stored]
        written = [None if value is None else read_watermark(value) for value in values]
        now = topic_ids.get(partition.topic, "")
        loaded.watermarks[partition] = tuple(
            one[0] if one and is_of_topic(one[1], now) else None for one in written
        )
        loaded.topic_ids[partition] = frozenset(one[1] for one in written if one and one[1])
    return loaded


def unless_applied(
    saves: Collection[UnitSave], refused: dict[TopicPartition, Watermarks]
) -> dict[TopicPartition, Watermarks]:
    """What was refused, but for units that stand where the save would have moved them.

    Such a save was applied and its answer lost on the way; it was refused when it was sent again.
    """
    applied = [save for save in saves if all(refused.get(one) == marks for one, marks in save.new.items())]
    there = {one for save in applied for one in save.new}
    return {one: marks for one, marks in refused.items() if one not in there}


class SessionStore(Protocol):
    """Where sessions live between events."""

    @property
    def buckets(self) -> int:
        """Into how many buckets sessions are hashed."""
        ...

    async def load(
        self,
        partitions: Collection[TopicPartition],
        sessions: Collection[SessionId],
        buckets: Mapping[int, Collection[int]] | None = None,
    ) -> Loaded:
        """Watermarks and states, read together: at one moment per bucket.

        Args:
            partitions: whose watermarks are read.
            sessions: whose states are read.
            buckets: by partition number, of which buckets the watermarks are read, those of its sessions
                among them; the others come as None. Without it: of all.

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
