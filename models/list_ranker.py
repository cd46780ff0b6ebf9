"""The list ranker: queries of sessions in, the lists that they are shown out.

Owns the order retrieve, repeats, filters, cut, and how many candidates are retrieved. Not owned: how a query
comes about (`models.encoding`). Caller: `models.recommender`.
"""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from copy import copy
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from models.joint_rows import Candidates, JointRows
from models.ranking import RankedRows, allowed_candidates, top_allowed, with_last_items
from models.release import Release
from models.repeat_bias import RECENCIES, LastItems, last_items, no_items, rescored
from models.search_memory import SearchMemory
from models.session_rule import items_of_types
from models.side_index import SideIndex
from models.vocabulary import UNKNOWN
from schemas.session_state import SessionState

Stage = Callable[[str], AbstractContextManager[None]]
"""Times what runs in its context as a stage of this name."""
SEARCH_BATCH = 256
"""Queries in one index search; bounds the score matrix."""
CANDIDATES_PER_ITEM = 2
"""Candidates retrieved at first for each item of the list, beside as many as a session's last items can
displace; more are fetched for lists that the filters leave short."""


def candidates_for(k: int) -> int:
    """How many candidates are retrieved at first for a list of k."""
    return CANDIDATES_PER_ITEM * k + RECENCIES


def untimed(_: str) -> AbstractContextManager[None]:
    """The stage of nobody's interest."""
    return nullcontext()


class ListRanker:
    """One release and the policy under which it is shown."""

    def __init__(
        self,
        release: Release,
        k: int,
        excluded_types: frozenset[int],
        unavailable: NDArray[np.bool_] | None,
        stage: Stage = untimed,
    ) -> None:
        """See `models.recommender.Recommender`."""
        self._stage = stage
        self._release = release
        self._k = k
        self._excluded_types = excluded_types
        self._unavailable = unavailable
        self._candidates = candidates_for(k)
        self._searches = SearchMemory(release.index, self._candidates, release.manifest.items)
        self.items = JointRows(release, None)

    def with_items(self, unavailable: NDArray[np.bool_] | None, side: SideIndex | None) -> "ListRanker":
        """The same over other items; see `models.recommender.Recommender.with_items`.

        What was searched in the release's index stays remembered: it is the same whatever is beside it.
        """
        other = copy(self)
        other._unavailable = unavailable  # noqa: SLF001  # of this class
        other.items = JointRows(self._release, side)
        other.__dict__.pop("_most_popular", None)
        return other

    def rank(self, queries: NDArray[np.float32], states: Sequence[SessionState]) -> list[RankedRows]:
        """The list of each session.

        Args:
            queries: float32 [sessions, index_dim], of sessions that have an item which the release knows.
            states: beside them the sessions, the event already in their lists.
        """
        ranked: list[RankedRows] = []
        for start in range(0, len(queries), SEARCH_BATCH):
            some, of_these = queries[start : start + SEARCH_BATCH], states[start : start + SEARCH_BATCH]
            last, last_scores = self.last_items(some, of_these)
            repeats = last.rows.astype(np.int32), last_scores
            ranked += self._search(some, of_these, repeats, self._candidates)
        return ranked

    def popular(self, state: SessionState) -> RankedRows:
        """The list where nothing of the session is known."""
        excluded = self._excluded_rows(state)
        return self._most_popular if excluded is None else self._popular_without(excluded)

    @cached_property
    def _most_popular(self) -> RankedRows:
        return self._popular_without(None)

    def _popular_without(self, excluded: NDArray[np.int32] | None) -> RankedRows:
        popular = self.items.popular
        rows, scores = popular["row"][None, :], popular["score"][None, :]
        allowed = allowed_candidates(rows, [excluded], self._unavailable)
        return top_allowed(rows, scores, allowed, self._k)[0]

    def last_items(
        self, queries: NDArray[np.float32], states: Sequence[SessionState]
    ) -> tuple[LastItems, NDArray[np.float32]]:
        """The sessions' last items, of their last 50 events, and their scores with the repeat bias.

        Args:
            queries: float32 [sessions, index_dim].
            states: beside them.

        Returns:
            The items, none where the release has no repeat bias, and float32 [sessions, RECENCIES], -inf
            where there is no item.
        """
        table = self._release.repeat_bias
        if table is None:
            return no_items(len(states)), np.full((len(states), RECENCIES), -np.inf, dtype=np.float32)
        last = last_items([self.items.rows(state.item_ids) for state in states])
        plain = np.empty(last.rows.shape, dtype=np.float32)
        for recency in range(RECENCIES):  # at once they would take eight times the memory of the queries
            vectors = self.items.vectors(last.rows[:, recency])
            np.einsum("sd,sd->s", vectors, queries, out=plain[:, recency])
        return last, np.where(last.rows == UNKNOWN, np.float32(-np.inf), rescored(table, last, plain))

    def _search(
        self,
        queries: NDArray[np.float32],
        states: Sequence[SessionState],
        repeats: Candidates,
        n: int,
    ) -> list[RankedRows]:
        """Retrieve, filter and rank; where the filters leave a list short, again with more candidates."""
        items = self._release.manifest.items
        most = max(items, self.items.new)
        with self._stage("retrieve"):
            if n == self._candidates:
                begin = np.array([len(state.item_ids) == 1 for state in states], dtype=np.bool_)
                rows, scores = self._searches.search(queries, begin)
            else:
                rows, scores = self._release.index.search(queries, min(n, items))
            side = self.items.side_candidates(queries, n)
        with self._stage("rank"):
            rows, scores = self._joined(rows, scores, repeats, side)
            ranked = self._filtered(rows, scores, states)
        short = [at for at, one in enumerate(ranked) if len(one.rows) < self._k and n < most]
        if short:
            of_short = repeats[0][short], repeats[1][short]
            deeper = self._search(queries[short], [states[at] for at in short], of_short, 4 * n)
            for at, one in zip(short, deeper, strict=True):
                ranked[at] = one
        return ranked

    def _joined(
        self,
        rows: NDArray[np.int32],
        scores: NDArray[np.float32],
        repeats: Candidates,
        side: Candidates | None,
    ) -> Candidates:
        """The candidates of the index with those that have repeat biases, and with the new items."""
        if self._release.repeat_bias is None and side is None:
            return rows, scores
        complete = rows.shape[1] == self._release.manifest.items
        side_complete = side is None or side[0].shape[1] == self.items.new
        return with_last_items(rows, scores, *repeats, complete, side, side_complete)

    def _filtered(
        self, rows: NDArray[np.int32], scores: NDArray[np.float32], states: Sequence[SessionState]
    ) -> list[RankedRows]:
        """The first k of the candidates that may be shown."""
        excluded = [self._excluded_rows(state) for state in states]
        allowed = allowed_candidates(rows, excluded, self._unavailable)
        return top_allowed(rows, scores, allowed, self._k)

    def _excluded_rows(self, state: SessionState) -> NDArray[np.int32] | None:
        if not any(code in state.event_types for code in self._excluded_types):
            return None
        return np.array(self.items.rows(items_of_types(state, self._excluded_types)), dtype=np.int32)
