"""What the event topic as it stands in Kafka must have led to: the fold of its events in log order.

Written anew from the event contract, without the worker's code: the session rule (a gap, the last 50 items
and event ids, times that cannot be right), repeats, erasures, consent, users. Only whether a message is an
event is asked of the contract's decoder. Caller: `tests.chaos.oracle`.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from confluent_kafka import Message
from msgspec.structs import replace
from numpy.typing import NDArray

from schemas.errors import InvalidEvent
from schemas.ids import ReleaseId, SessionId, UserId
from schemas.item_event import EraseSession, ItemEvent, decode_event
from tests.successor_release import successor_list, successor_step

KEPT = 50
EARLIEST_MS, MAX_SKEW_MS = 631_152_000_000, 3_600_000
"""Between 1990 and an hour ahead of its record a time may be right."""
Vector = NDArray[np.float32]


class Position(NamedTuple):
    """Where an event lies in its topic."""

    partition: int
    offset: int


@dataclass
class FoldedSession:
    """A session after the events so far."""

    items: list[str] = field(default_factory=list)
    event_ids: list[str] = field(default_factory=list)
    last_event_at_ms: int = 0
    latest: Position | None = None
    """The event whose list is the session's latest."""
    vectors: dict[ReleaseId, Vector] = field(default_factory=dict)
    """By release, the encoder's state."""


class ExpectedList(NamedTuple):
    """What a valid event must give."""

    session_id: SessionId
    user_id: UserId | None
    repeat_of: str | None
    by_release: dict[ReleaseId, tuple[str, ...]]
    """The items of the list, under each release that may serve it."""


@dataclass
class LogFold:
    """The fold of a topic, under every release that served meanwhile.

    Attributes:
        releases: the vocabulary of each.
        gap_s: their session gap.
    """

    releases: Mapping[ReleaseId, list[str]]
    gap_s: float
    lists: dict[Position, ExpectedList] = field(default_factory=dict)
    erased: dict[SessionId, int] = field(default_factory=dict)
    """How often each session was erased."""
    erasures: set[Position] = field(default_factory=set)
    kept: dict[SessionId, list[Position]] = field(default_factory=dict)
    """Of each session the events with consent, and erasures, in log order."""
    sessions_of: dict[UserId, set[SessionId]] = field(default_factory=dict)
    """Of each user those sessions of which an event with consent named the user, and no later erasure did."""
    invalid: set[Position] = field(default_factory=set)
    sessions: dict[SessionId, FoldedSession] = field(default_factory=dict)
    """Those that have a state at the end of the log, or had one."""
    ends: dict[int, int] = field(default_factory=dict)

    def add_all(self, messages: Iterable[Message]) -> None:
        """Fold messages, in log order of each partition."""
        for message in messages:
            partition, offset, value = message.partition(), message.offset(), message.value()
            assert partition is not None
            assert offset is not None
            at = Position(partition, offset)
            self.ends[partition] = offset + 1
            try:
                event = decode_event(value if isinstance(value, bytes) else None)
            except InvalidEvent:
                self.invalid.add(at)
            else:
                logged_at_ms = message.timestamp()[1]
                right = EARLIEST_MS <= event.occurred_at_ms <= logged_at_ms + MAX_SKEW_MS
                self._add(at, event if right else replace(event, occurred_at_ms=logged_at_ms))

    def followers(self, at: Position, within: int) -> list[Position]:
        """What may take the place of a list: the kept events that follow in a session, so many offsets on.

        None for an event without consent, whose list is its own.
        """
        kept = self.kept.get(self.lists[at].session_id, [])
        place = bisect_right(kept, at)
        if not place or kept[place - 1] != at:
            return []
        return [one for one in kept[place:] if one < Position(at.partition, at.offset + within)]

    def _add(self, at: Position, event: ItemEvent | EraseSession) -> None:
        if isinstance(event, EraseSession) or event.consent:
            self.kept.setdefault(event.session_id, []).append(at)
            self._own(event)
        if isinstance(event, EraseSession):
            self.sessions[event.session_id] = FoldedSession()
            self.erasures.add(at)
            self.erased[event.session_id] = self.erased.get(event.session_id, 0) + 1
            return
        if not event.consent:
            queries = self._advance(FoldedSession(), event)
            self.lists[at] = self._expected(event, queries, None)
            return
        session = self.sessions.setdefault(event.session_id, FoldedSession())
        session.latest = at
        if event.event_id is not None and event.event_id in session.event_ids:
            queries = {release: self._vector(session, release) for release in self.releases}
            self.lists[at] = self._expected(event, queries, event.event_id)
        else:
            self.lists[at] = self._expected(event, self._advance(session, event), None)

    def _own(self, event: ItemEvent | EraseSession) -> None:
        """Whose the session is; an erasure that names no user changes nothing of that."""
        if event.user_id is not None:
            sessions = self.sessions_of.setdefault(event.user_id, set())
            change = sessions.discard if isinstance(event, EraseSession) else sessions.add
            change(event.session_id)

    def _advance(self, session: FoldedSession, event: ItemEvent) -> dict[ReleaseId, Vector]:
        """Add an event to a session; the query under each release."""
        if session.items and event.occurred_at_ms - session.last_event_at_ms > self.gap_s * 1000:
            session.items, session.vectors = [], {}
        session.items = [*session.items, event.item_id][-KEPT:]
        if event.event_id is not None:
            session.event_ids = [*session.event_ids, event.event_id][-KEPT:]
        session.last_event_at_ms = max(session.last_event_at_ms, event.occurred_at_ms)
        queries = {}
        for release, items in self.releases.items():
            step = successor_step(items, self._vector(session, release), event.item_id)
            queries[release], session.vectors[release] = step
        return queries

    def _vector(self, session: FoldedSession, release: ReleaseId) -> Vector:
        zeros: Vector = np.zeros(len(self.releases[release]), dtype=np.float32)
        return session.vectors.get(release, zeros)

    def _expected(
        self, event: ItemEvent, queries: dict[ReleaseId, Vector], repeat_of: str | None
    ) -> ExpectedList:
        by_release = {
            release: tuple(successor_list(items, queries[release], len(items)))
            for release, items in self.releases.items()
        }
        return ExpectedList(event.session_id, event.user_id, repeat_of, by_release)
