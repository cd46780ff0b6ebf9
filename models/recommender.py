"""The recommender: sessions and events in, lists and new sessions out.

Pure; the same code in the worker and in evaluation.

Owns the order of the steps of one batch, and what it is told of: sessions advance (`models.session_advance`),
lists are ranked (`models.list_ranker`). Callers: `streams.isolation`, `retrain.evaluation.served_release`.
"""

from collections.abc import Collection, Mapping, Sequence
from copy import copy
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.joint_rows import JointRows
from models.list_ranker import ListRanker, Stage, untimed
from models.ranking import RankedRows
from models.release import Release
from models.repeat_bias import LastItems
from models.session_advance import Advanced, SessionAdvance, superseded
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
        self._sessions = SessionAdvance(release)
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
            advanced, changed = self._sessions.advance(states, events)
        skipped = superseded(events) if self._latest_only else frozenset()
        ranked = self._rank(advanced, skipped)
        recommendations = [
            None if at in skipped else self._outcome(at, event, advanced, ranked)
            for at, event in enumerate(events)
        ]
        return Recommended(recommendations, changed, advanced.pauses_ms)

    def encode(self, events: Sequence[SessionEvent]) -> EncodedEvents:
        """What the lists of events of new sessions are made from.

        Args:
            events: in log order, none that erases.
        """
        advanced, _ = self._sessions.advance({}, events)
        last, scores = self._ranker.last_items(advanced.queries, advanced.states)
        return EncodedEvents(advanced.queries, advanced.known, last, scores)

    def follow(
        self, states: Mapping[SessionId, SessionState | None], events: Sequence[SessionEvent]
    ) -> Followed:
        """Advance the sessions as `recommend` does, and rank nothing; arguments as there."""
        advanced, changed = self._sessions.advance(states, events)
        return Followed(
            advanced.queries, advanced.known, [one is not None for one in advanced.repeats], changed
        )

    def _rank(self, advanced: Advanced, skipped: Collection[int]) -> dict[int, RankedRows]:
        ranked = [at for at in np.flatnonzero(advanced.known).tolist() if at not in skipped]
        states = [advanced.states[at] for at in ranked]
        return dict(zip(ranked, self._ranker.rank(advanced.queries[ranked], states), strict=True))

    def _outcome(
        self, at: int, item: SessionEvent, advanced: Advanced, ranked: dict[int, RankedRows]
    ) -> Recommendation | None:
        if isinstance(item.event, EraseSession):
            return None
        by_model = ranked.get(at)
        return Recommendation(
            ranked=by_model if by_model is not None else self._ranker.popular(advanced.states[at]),
            strategy=self.release.manifest.strategy if by_model is not None else "popular",
            repeat_of=advanced.repeats[at],
            stored=item.event.consent,
        )
