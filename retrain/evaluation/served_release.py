"""A release as a model to evaluate: its lists come from the code that serves it.

Owns the way from a frame of events to `models.recommender` and back; session rule, encoder step (ONNX),
index, ranking and filters are the worker's. Callers: `retrain.evaluation.evaluated_models`,
`retrain.releases.release_judging`, `retrain.gate`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from index.exact_index import ExactIndex
from models.recommender import EncodedEvents, Recommendation, Recommender, SessionEvent
from models.release import Release
from models.servable_model import index_vectors
from models.vocabulary import UNKNOWN, Vocabulary
from retrain.evaluation.next_item_model import ListedItems
from schemas.item_event import ItemEvent

_FIELDS = ("session_id", "item_id", "event_type", "occurred_at_ms", "event_id")
_NONE = -1


class ServedRelease:
    """A `NextItemModel` that also scores all items."""

    def __init__(self, release: Release, excluded_types: frozenset[int] = frozenset()) -> None:
        """Serve a release.

        Args:
            release: loaded.
            excluded_types: see `models.recommender.Recommender`; lists obey them, `all_scores` does not.
        """
        self.release = release
        self._excluded_types = excluded_types

    @property
    def name(self) -> str:
        """The release's id."""
        return self.release.release_id

    @property
    def vocabulary(self) -> Vocabulary:
        """The release's items."""
        return self.release.vocabulary

    @property
    def item_embeddings(self) -> NDArray[np.float32]:
        """float32 [items, dim]: what the index searches, without GRU4Rec's column of biases (the last)."""
        vectors = self._searched()
        return vectors[:, :-1] if self.release.manifest.strategy == "gru4rec" else vectors

    def with_exact_search(self) -> "ServedRelease":
        """The same release with every item scored in place of its own index."""
        exact = replace(self.release, index=ExactIndex(self._searched()))
        return ServedRelease(exact, self._excluded_types)

    def lists(self, events: pl.DataFrame, k: int) -> ListedItems:
        """See `NextItemModel.lists`; the popular list where no item of the session is known."""
        recommender = Recommender(self.release, k, self._excluded_types)
        return _as_arrays(recommender.recommend({}, _session_events(events)).recommendations, k)

    def encode(self, events: pl.DataFrame) -> EncodedEvents:
        """What the lists of events are made from; whole sessions, as in `NextItemModel.lists`."""
        return Recommender(self.release).encode(_session_events(events))

    def all_scores(self, events: pl.DataFrame) -> NDArray[np.float32]:
        """See `retrain.evaluation.next_item_model.ScoresAllItems`.

        An item's score is the inner product of query and item vector, with its repeat bias. Without a known
        item in the session it is the item's share of the popular list.
        """
        encoded = self.encode(events)
        scores: NDArray[np.float32] = encoded.queries @ self._searched().T
        event, place = np.nonzero(encoded.last_items.rows != UNKNOWN)
        scores[event, encoded.last_items.rows[event, place]] = encoded.last_scores[event, place]
        popular, unknown = self.release.popular, ~encoded.known
        scores[unknown] = 0
        scores[np.ix_(unknown, popular["row"])] = popular["score"]
        return scores

    def _searched(self) -> NDArray[np.float32]:
        """float32 [items, index_dim]."""
        return index_vectors(self.release.item_vectors, self.release.manifest.encoder.index_dim)


def _session_events(events: pl.DataFrame) -> list[SessionEvent]:
    fields = [name for name in _FIELDS if name in events.columns]
    rows: Iterator[dict[str, Any]] = events.select(fields).iter_rows(named=True)
    return [SessionEvent(ItemEvent(**row), partition=0) for row in rows]


def _as_arrays(recommendations: Sequence[Recommendation | None], k: int) -> ListedItems:
    rows = np.full((len(recommendations), k), _NONE, dtype=np.int32)
    scores = np.full((len(recommendations), k), -np.inf, dtype=np.float32)
    for at, recommendation in enumerate(recommendations):
        assert recommendation is not None
        n = len(recommendation.ranked.rows)
        rows[at, :n], scores[at, :n] = recommendation.ranked
    return ListedItems(rows, scores)
