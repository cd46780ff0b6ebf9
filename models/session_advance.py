"""Advancing sessions: a batch of events onto the states of their sessions, and the queries that come of it.

Owns the waves: the first event of every session, then the second, and so on, so that each encoder step serves
many sessions and each event still sees the one before it. What an event does to a session is
`models.session_rule`, the step `models.encoding`. Caller: `models.recommender`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from models.encoding import StateEncoder
from models.release import Release
from models.session_rule import APART, append_event, is_repeat, pause_ms
from schemas.ids import EventId, SessionId
from schemas.item_event import EraseSession, ItemEvent
from schemas.session_state import SessionState

PlacedEvent: TypeAlias = "tuple[ItemEvent | EraseSession, int]"
"""An event and the partition that it came from: `models.recommender.SessionEvent`."""
Step: TypeAlias = "tuple[int, SessionState, ItemEvent | None]"
"""An event's place in its batch, its session with it, and what the encoder steps by; None for a repeat."""


@dataclass(eq=False)
class Advanced:
    """The events of a batch on their way from state to query."""

    states: list[SessionState]
    """After each event; the empty session where one is erased."""
    repeats: list[EventId | None]
    pauses_ms: list[int]
    queries: NDArray[np.float32]
    known: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.known = np.zeros(len(self.states), dtype=np.bool_)


class SessionAdvance:
    """The advancing of sessions under one release."""

    def __init__(self, release: Release) -> None:
        self._encoder = StateEncoder(release)
        self._gap_s = release.manifest.session_gap_s
        self._index_dim = release.manifest.encoder.index_dim

    def advance(
        self, states: Mapping[SessionId, SessionState | None], events: Sequence[PlacedEvent]
    ) -> tuple[Advanced, dict[SessionId, SessionState | None]]:
        """Advance the sessions, wave by wave: the queries, and the changed sessions.

        Args:
            states: what is stored of the sessions; one that is not known is absent or None. Not changed.
            events: in log order.
        """
        current = {event.session_id: states.get(event.session_id) for event, _ in events}
        stored = self._encoder.rebuild({key: state for key, state in current.items() if state is not None})
        current.update(stored)
        changed: dict[SessionId, SessionState | None] = {}
        advanced = Advanced(
            states=[SessionState()] * len(events),
            repeats=[None] * len(events),
            pauses_ms=[APART] * len(events),
            queries=np.zeros((len(events), self._index_dim), dtype=np.float32),
        )
        for wave in _waves(events):
            self._step(self._steps(wave, events, current, changed, advanced), current, changed, advanced)
        return advanced, changed

    def _steps(
        self,
        wave: list[int],
        events: Sequence[PlacedEvent],
        current: dict[SessionId, SessionState | None],
        changed: dict[SessionId, SessionState | None],
        advanced: Advanced,
    ) -> list[Step]:
        """One event for each of several sessions, in their histories; erased sessions make no step."""
        steps: list[Step] = []
        for at in wave:
            event, partition = events[at]
            if isinstance(event, EraseSession):
                current[event.session_id] = changed[event.session_id] = None
                continue
            before = current[event.session_id] or SessionState()
            if event.consent and is_repeat(before, event.event_id):
                advanced.repeats[at] = event.event_id
                steps.append((at, before, None))
                continue
            history = before if event.consent else SessionState()
            after = append_event(history, event, partition, self._gap_s)
            steps.append((at, after, event))
            if event.consent:
                advanced.pauses_ms[at] = pause_ms(before, after, event)
        return steps

    def _step(
        self,
        steps: list[Step],
        current: dict[SessionId, SessionState | None],
        changed: dict[SessionId, SessionState | None],
        advanced: Advanced,
    ) -> None:
        """The encoder's step for a wave: queries and states."""
        if not steps:
            return
        ats = [at for at, _, _ in steps]
        after_states, queries, known = self._encoder.step(
            [state for _, state, _ in steps], [event for _, _, event in steps]
        )
        advanced.queries[ats], advanced.known[ats] = queries, known
        for (at, _, step), state in zip(steps, after_states, strict=True):
            advanced.states[at] = state
            if step is not None and step.consent:
                current[step.session_id] = changed[step.session_id] = state


def superseded(events: Sequence[PlacedEvent]) -> frozenset[int]:
    """Places of the events that a later one of their session follows; those without consent stand alone."""
    kept = [at for at, (event, _) in enumerate(events) if isinstance(event, EraseSession) or event.consent]
    last = {events[at][0].session_id: at for at in kept}
    return frozenset(
        at
        for at in kept
        if last[events[at][0].session_id] != at and not isinstance(events[at][0], EraseSession)
    )


def _waves(events: Sequence[PlacedEvent]) -> list[list[int]]:
    """Places of the events such that each wave holds at most one event of a session, in order."""
    waves: list[list[int]] = []
    count: dict[SessionId, int] = {}
    for at, (event, _) in enumerate(events):
        depth = count.get(event.session_id, 0)
        count[event.session_id] = depth + 1
        if depth == len(waves):
            waves.append([])
        waves[depth].append(at)
    return waves
