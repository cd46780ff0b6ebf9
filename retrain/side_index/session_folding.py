"""SessionFolding: events in, and for each the query that its session had before it.

Sessions are folded by the rule and the encoder that serve (`models.recommender`), so a query here is the one
that the worker searched with. Owns the sessions, in bounded memory: those that have been quiet for longest
make room. Caller: `retrain.side_index.new_items`.
"""

from collections import OrderedDict
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.recommender import Recommender, SessionEvent
from models.release import Release
from models.session_rule import starts_session
from schemas.ids import SessionId
from schemas.item_event import EraseSession, ItemEvent
from schemas.session_state import SessionState


class Folded(NamedTuple):
    """Events that count, and what was searched before and after them."""

    events: list[ItemEvent]
    """In log order; no repeats, none without consent."""
    before: NDArray[np.float32]
    """float32 [events, index_dim]: the query of the session's event before."""
    led: NDArray[np.bool_]
    """bool [events]: whether there was one, in the same session and with a known item."""
    after: NDArray[np.float32]
    """float32 [events, index_dim]: the query after the event."""
    known: NDArray[np.bool_]
    """bool [events]: whether that means anything."""


class _Session(NamedTuple):
    """What is kept of a session."""

    state: SessionState
    query: NDArray[np.float32] | None


class SessionFolding:
    """The sessions of one release."""

    def __init__(self, release: Release, sessions: int, ttl_s: float) -> None:
        """Begin with none.

        Args:
            release: whose rule and encoder fold them.
            sessions: how many are kept at most.
            ttl_s: how long one is kept after its last event.
        """
        self._recommender = Recommender(release)
        self._gap_s = release.manifest.session_gap_s
        self._most = sessions
        self._ttl_ms = 1000 * ttl_s
        self._now_ms = 0
        self._dim = release.manifest.encoder.index_dim
        self._sessions: OrderedDict[SessionId, _Session] = OrderedDict()

    def __len__(self) -> int:
        return len(self._sessions)

    def fold(self, events: Sequence[SessionEvent]) -> Folded:
        """Advance the sessions by events in log order."""
        counted = [one for one in events if isinstance(one.event, EraseSession) or one.event.consent]
        states = {
            session_id: self._sessions[session_id].state
            for session_id in {one.event.session_id for one in counted}
            if session_id in self._sessions
        }
        followed = self._recommender.follow(states, counted)
        folded = self._with_queries_before(counted, followed.queries, followed.known, followed.repeats)
        for session_id, state in followed.states.items():
            if state is not None and session_id in self._sessions:
                self._sessions[session_id] = self._sessions[session_id]._replace(state=state)
        self._forget(max((event.occurred_at_ms for event in folded.events), default=0))
        return folded

    def _forget(self, now_ms: int) -> None:
        """Drop the sessions at the front, which have been quiet for longest."""
        self._now_ms = max(now_ms, self._now_ms)
        while self._sessions:
            first = next(iter(self._sessions.values()))
            quiet_ms = self._now_ms - first.state.last_event_at_ms
            if len(self._sessions) <= self._most and quiet_ms <= self._ttl_ms:
                return
            self._sessions.popitem(last=False)

    def _with_queries_before(
        self,
        counted: list[SessionEvent],
        queries: NDArray[np.float32],
        known: NDArray[np.bool_],
        repeats: list[bool],
    ) -> Folded:
        events: list[ItemEvent] = []
        kept: list[int] = []
        before: list[NDArray[np.float32] | None] = []
        for at, (one, is_known) in enumerate(zip(counted, known.tolist(), strict=True)):
            event = one.event
            if isinstance(event, EraseSession):
                self._sessions.pop(event.session_id, None)
            elif not repeats[at]:
                kept.append(at)
                events.append(event)
                before.append(self._query_before(event))
                self._move_on(event, queries[at].copy() if is_known else None)
        led = np.array([query is not None for query in before], dtype=np.bool_)
        led_by = np.zeros((len(events), self._dim), dtype=np.float32)
        if led.any():
            led_by[led] = [query for query in before if query is not None]
        return Folded(events, led_by, led, queries[kept], known[kept])

    def _query_before(self, event: ItemEvent) -> NDArray[np.float32] | None:
        session = self._sessions.get(event.session_id)
        if session is None or starts_session(
            session.state.last_event_at_ms, event.occurred_at_ms, self._gap_s
        ):
            return None
        return session.query

    def _move_on(self, event: ItemEvent, query: NDArray[np.float32] | None) -> None:
        """Note the query after an event; its state is put in its place when the batch is folded."""
        session = self._sessions.pop(event.session_id, None)
        last_ms = max(event.occurred_at_ms, session.state.last_event_at_ms if session else 0)
        self._sessions[event.session_id] = _Session(SessionState(last_event_at_ms=last_ms), query)
