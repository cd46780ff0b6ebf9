"""The log of one partition as the model sees it, and what its events make of a session.

Owns the meaning of an event: what it adds to its session's state and which list it must get. A state is the
offsets of the events that it holds (in place of items), and beside each the release whose encoder made that
step: a state is sound where they are all the same. Callers: the steps, which fold, and the invariants, which
compare.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple

Kind = Literal["item", "erase", "private", "letter"]
"""A letter is a message that is no event; a private event has no consent."""


class Entry(NamedTuple):
    """One message of the log."""

    session: str
    kind: Kind = "item"
    event_id: str = ""


class State(NamedTuple):
    """A session: the offsets that count for it, and the release of each of the encoder's steps."""

    offsets: tuple[int, ...]
    steps: tuple[int, ...]


class Content(NamedTuple):
    """What is emitted for a message."""

    kind: Literal["list", "repeat", "erased", "letter"]
    state: State | None = None


States = Mapping[str, State | None]
"""Sessions; None for one that is deleted."""


@dataclass(frozen=True, eq=False)
class Log:
    """The messages of one partition and the buckets of its sessions."""

    entries: tuple[Entry, ...]
    bucket_of: tuple[tuple[str, int], ...]

    @property
    def end(self) -> int:
        """The offset behind the last message."""
        return len(self.entries)

    @property
    def buckets(self) -> int:
        """How many there are."""
        return 1 + max(bucket for _, bucket in self.bucket_of)

    def bucket(self, offset: int) -> int | None:
        """The bucket of a message's session; None for one that belongs to no session."""
        return None if self.entries[offset].kind == "letter" else _bucket(self, self.entries[offset].session)

    def buckets_between(self, begin: int, end: int) -> frozenset[int]:
        """The buckets of some messages; the first where none of them belongs to a session."""
        found = {self.bucket(offset) for offset in range(begin, end)}
        return frozenset(bucket for bucket in found if bucket is not None) or frozenset({0})

    def sessions(self, bucket: int) -> list[str]:
        """The sessions of a bucket."""
        return [session for session, of in self.bucket_of if of == bucket]

    def advance(
        self, state: State | None, offset: int, release: int, *, replays: bool = True, knows_ids: bool = True
    ) -> tuple[State | None, Content]:
        """A session after one more message, and what the message gets.

        Args:
            state: the session before; None where nothing is stored.
            offset: the message.
            release: whose encoder serves.
            replays: whether a state of another release is rebuilt first.
            knows_ids: whether an event whose id counts already makes no step.
        """
        entry = self.entries[offset]
        if entry.kind == "letter":
            return state, Content("letter")
        if entry.kind == "erase":
            return None, Content("erased")
        if entry.kind == "private":
            return state, Content("list", State((offset,), (release,)))
        before = state or State((), ())
        if replays:
            before = State(before.offsets, (release,) * len(before.offsets))
        if knows_ids and entry.event_id and entry.event_id in self._ids(before):
            return state, Content("repeat", before)
        after = State((*before.offsets, offset), (*before.steps, release))
        return after, Content("list", after)

    def _ids(self, state: State) -> set[str]:
        return {self.entries[offset].event_id for offset in state.offsets}


@cache
def fold(log: Log, session: str, begin: int, end: int) -> tuple[int, ...]:
    """The offsets that a session holds after its messages from `begin` to before `end`."""
    state: State | None = None
    for offset in range(begin, end):
        if log.entries[offset].session == session:
            state, _ = log.advance(state, offset, 0)
    return () if state is None else state.offsets


@cache
def right_content(log: Log, begin: int, offset: int, release: int) -> Content:
    """What a message must get where its session counts from `begin`."""
    before = fold(log, log.entries[offset].session, begin, offset)
    return log.advance(State(before, (release,) * len(before)) if before else None, offset, release)[1]


@cache
def _bucket(log: Log, session: str) -> int:
    return dict(log.bucket_of)[session]
