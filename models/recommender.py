"""The recommender: sessions and events in, lists and new sessions out.

Pure; the same code in the worker and in evaluation.

Owns the order of the steps of one batch. Callers: `streams.recommend_agent`,
`retrain.evaluation.served_release`.

A batch goes in waves: the first event of every session, then the second, and so on, so that each encoder step
serves many sessions and each event still sees the one before it.
"""

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.encoding import StateEncoder
from models.joint_rows import JointRows
from models.list_ranker import ListRanker, Stage, untimed
from models.ranking import RankedRows
from models.release import Release
from models.repeat_bias import LastItems
from models.session_rule import APART, append_event, is_repeat, pause_ms
from models.side_index import SideIndex
from schemas.ids import EventId, SessionId
from schemas.item_event import EraseSession, ItemEvent
from schemas.recommendation_list import Strategy
from schemas.session_state import SessionState


class SessionEvent(NamedTuple):
    """An event and the partition that it came from."""

    event: ItemEvent | EraseSession
    partition: int


class Recommendation(NamedTuple):
    """The list for one event."""

    ranked: RankedRows
    strategy: Strategy
    repeat_of: EventId | None = None
    stored: bool = True
    """False: the list is emitted, but neither it nor the event is kept (no consent)."""


@dataclass(eq=False)
class Recommended:
    """The outcome of a batch."""

    recommendations: list[Recommendation | None]
    """Beside each event its list; None for an erased session, and for an event that another supersedes."""
    states: dict[SessionId, SessionState | None]
    """The sessions that changed, as they now are, without their last lists; None: delete what is stored."""
    pauses_ms: list[int]
    """Beside each event `models.session_rule.pause_ms`; `APART` where it adds nothing to its session."""


class Followed(NamedTuple):
    """What events make of their sessions, without lists."""

    queries: NDArray[np.float32]
    """float32 [events, index_dim]: what the list of each would be searched by."""
    known: NDArray[np.bool_]
    """bool [events]: see `EncodedEvents.known`."""
    repeats: list[bool]
    """Whether an event was there before and changed nothing."""
    states: dict[SessionId, SessionState | None]
    """See `Recommended.states`."""


class EncodedEvents(NamedTuple):
    """What the lists of some events are made from."""

    queries: NDArray[np.float32]
    """float32 [events, index_dim]: what the index is searched with."""
    known: NDArray[np.bool_]
    """bool [events]: whether the session has an item that the release knows; else the query means nothing."""
    last_items: LastItems
    """The items that have another score than the index finds; none where the release has no repeat bias."""
    last_scores: NDArray[np.float32]
    """float32 [events, RECENCIES], the scores that they have."""


@dataclass(eq=False)
class _Pending:
    """The events of a batch on their way from state to query."""

    states: list[SessionState]
    """After each event; the empty session where one is erased."""
    repeats: list[EventId | None]
    pauses_ms: list[int]
    queries: NDArray[np.float32]
    known: NDArray[np.bool_] = field(init=False)

    def __post_init__(self) -> None:
        self.known = np.zeros(len(self.states), dtype=np.bool_)


class Recommender:
    """One release and the policy under which it is served; immutable."""

    def __init__(
        self,
        release: Release,
        k: int = 20,
        excluded_types: frozenset[int] = frozenset(),
        unavailable: NDArray[np.bool_] | None = None,
        stage: Stage = untimed,
        latest_only: bool = False,
    ) -> None:
        """Bind a release to a policy.

        Args:
            release: what to serve.
            k: the length of a list, ≥ 1.
            excluded_types: event type codes; an item that the session has under one of them is not shown to
            it.
            unavailable: bool [items], True for items that are shown to nobody.
            stage: times the stages `encode`, `retrieve` and `rank`.
            latest_only: make no list for an event that a later one of its session follows in the same batch.
        """
        self.release = release
        self.k = k
        self._stage = stage
        self._latest_only = latest_only
        self._encoder = StateEncoder(release)
        self._ranker = ListRanker(release, k, excluded_types, unavailable, stage)

    def with_items(self, unavailable: NDArray[np.bool_] | None, side: SideIndex | None) -> "Recommender":
        """The same release and policy over other items; the two must not be used at the same time.

        Args:
            unavailable: bool [items + new items]; see above.
            side: the release's new items, searched beside its index; None for none. Sessions make no step for
            them, so that states do not depend on it.
        """
        assert side is None or side.release_id == self.release.release_id
        other = copy(self)
        other._ranker = self._ranker.with_items(unavailable, side)  # noqa: SLF001  # of this class
        return other

    @property
    def items(self) -> JointRows:
        """The items of its lists: of the release, and new ones."""
        return self._ranker.items

    def recommend(
        self, states: Mapping[SessionId, SessionState | None], events: Sequence[SessionEvent]
    ) -> Recommended:
        """Advance the sessions by a batch of events and rank a list for each event.

        Args:
            states: what is stored of the sessions; a session that is not known is absent or None.
            events: in log order.

        Returns:
            A list an event and the changed sessions. Nothing of `states` is changed.
        """
        with self._stage("encode"):
            pending, changed = self._encode(states, events)
        superseded = _superseded(events) if self._latest_only else frozenset()
        ranked = self._rank(pending, superseded)
        recommendations = [
            None if at in superseded else self._outcome(at, event, pending, ranked)
            for at, event in enumerate(events)
        ]
        return Recommended(recommendations, changed, pending.pauses_ms)

    def encode(self, events: Sequence[SessionEvent]) -> EncodedEvents:
        """What the lists of events of new sessions are made from.

        Args:
            events: in log order, none that erases.
        """
        pending, _ = self._encode({}, events)
        last, scores = self._ranker.last_items(pending.queries, pending.states)
        return EncodedEvents(pending.queries, pending.known, last, scores)

    def follow(
        self, states: Mapping[SessionId, SessionState | None], events: Sequence[SessionEvent]
    ) -> Followed:
        """Advance the sessions as `recommend` does, and rank nothing; arguments as there."""
        pending, changed = self._encode(states, events)
        return Followed(pending.queries, pending.known, [one is not None for one in pending.repeats], changed)

    def _encode(
        self, states: Mapping[SessionId, SessionState | None], events: Sequence[SessionEvent]
    ) -> tuple[_Pending, dict[SessionId, SessionState | None]]:
        """Advance the sessions, wave by wave: the queries, and the changed sessions."""
        current = {item.event.session_id: states.get(item.event.session_id) for item in events}
        stored = self._encoder.rebuild({key: state for key, state in current.items() if state is not None})
        current.update(stored)
        changed: dict[SessionId, SessionState | None] = {}
        pending = _Pending(
            states=[SessionState()] * len(events),
            repeats=[None] * len(events),
            pauses_ms=[APART] * len(events),
            queries=np.zeros((len(events), self.release.manifest.encoder.index_dim), dtype=np.float32),
        )
        for wave in _waves(events):
            self._advance(wave, events, current, changed, pending)
        return pending, changed

    def _advance(
        self,
        wave: list[int],
        events: Sequence[SessionEvent],
        current: dict[SessionId, SessionState | None],
        changed: dict[SessionId, SessionState | None],
        pending: _Pending,
    ) -> None:
        """One event for each of several sessions: history, encoder step, query."""
        steps: list[tuple[int, SessionState, ItemEvent | None]] = []
        for at in wave:
            event = events[at].event
            if isinstance(event, EraseSession):
                current[event.session_id] = changed[event.session_id] = None
                continue
            before = current[event.session_id] or SessionState()
            if event.consent and is_repeat(before, event.event_id):
                pending.repeats[at] = event.event_id
                steps.append((at, before, None))
            else:
                history = before if event.consent else SessionState()
                after = append_event(
                    history, event, events[at].partition, self.release.manifest.session_gap_s
                )
                steps.append((at, after, event))
                if event.consent:
                    pending.pauses_ms[at] = pause_ms(before, after, event)
        if not steps:
            return
        ats = [at for at, _, _ in steps]
        after_states, queries, known = self._encoder.step(
            [state for _, state, _ in steps], [event for _, _, event in steps]
        )
        pending.queries[ats], pending.known[ats] = queries, known
        for (at, _, step), state in zip(steps, after_states, strict=True):
            pending.states[at] = state
            if step is not None and step.consent:
                current[step.session_id] = changed[step.session_id] = state

    def _rank(self, pending: _Pending, superseded: Collection[int]) -> dict[int, RankedRows]:
        ranked = [at for at in np.flatnonzero(pending.known).tolist() if at not in superseded]
        states = [pending.states[at] for at in ranked]
        return dict(zip(ranked, self._ranker.rank(pending.queries[ranked], states), strict=True))

    def _outcome(
        self, at: int, item: SessionEvent, pending: _Pending, ranked: dict[int, RankedRows]
    ) -> Recommendation | None:
        if isinstance(item.event, EraseSession):
            return None
        by_model = ranked.get(at)
        return Recommendation(
            ranked=by_model if by_model is not None else self._ranker.popular(pending.states[at]),
            strategy=self.release.manifest.strategy if by_model is not None else "popular",
            repeat_of=pending.repeats[at],
            stored=item.event.consent,
        )


def _superseded(events: Sequence[SessionEvent]) -> frozenset[int]:
    """Places of the events that a later one of their session follows; those without consent stand alone."""
    kept = [
        at for at, item in enumerate(events) if isinstance(item.event, EraseSession) or item.event.consent
    ]
    last = {events[at].event.session_id: at for at in kept}
    return frozenset(at for at in kept if last[events[at].event.session_id] != at) - {
        at for at in kept if isinstance(events[at].event, EraseSession)
    }


def _waves(events: Sequence[SessionEvent]) -> list[list[int]]:
    """Places of the events such that each wave holds at most one event of a session, in order."""
    waves: list[list[int]] = []
    count: dict[SessionId, int] = {}
    for at, item in enumerate(events):
        depth = count.get(item.event.session_id, 0)
        count[item.event.session_id] = depth + 1
        if depth == len(waves):
            waves.append([])
        waves[depth].append(at)
    return waves
