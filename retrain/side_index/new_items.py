"""NewItems: the events and the catalogue in, the new items of one release out, ready to be published.

Owns the order: fold the sessions, count, and on request make vectors. Pure and deterministic: the same events
give the same items. Callers: `retrain.side_index.side_index_building`, `retrain.benches.bench_new_items`.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.ranking import SCORED_ROW
from models.recommender import SessionEvent
from models.release import Release
from models.servable_model import index_vectors, without_bias
from models.side_index import SideItems
from models.vocabulary import UNKNOWN, Vocabulary
from retrain.side_index.item_kinds import ItemKinds
from retrain.side_index.kind_evidence import KindEvidence
from retrain.side_index.new_item_counts import Floats, Halving, NewItemCounts
from retrain.side_index.new_item_factors import FactorSpace
from retrain.side_index.new_item_vectors import SoftmaxSpace
from retrain.side_index.query_spaces import Learned, QuerySpace
from retrain.side_index.session_folding import Folded, SessionFolding
from schemas.ids import ItemId
from schemas.release_manifest import ReleaseManifest

RECENT_QUERIES = 4096
"""Queries that are remembered to judge new items by."""
SAMPLED_QUERIES = 256
"""Of them those that are used, evenly spaced."""
CANDIDATES = 1000
"""Items of the catalogue at most that compete with those that are there for a place."""
LEAST_EVENTS = 0.01
"""An item of which less is left is forgotten, where the catalogue does not name it."""


HALVING = Halving(seconds=1800.0, queries=2000.0)


@dataclass(frozen=True)
class Limits:
    """The bounds of memory, and how fast is forgotten."""

    items: int = 10_000
    """New items at most; those with the fewest events give way."""
    sessions: int = 100_000
    session_ttl_s: float = 86_400.0
    """A session that was quiet for so long is forgotten, as the worker's Redis does."""
    halving: Halving = HALVING


class NewItems:
    """The new items of one release, as far as events and catalogue tell."""

    def __init__(self, release: Release, kinds: ItemKinds, limits: Limits) -> None:
        """Begin with no event.

        Args:
            release: beside which they are recommended.
            kinds: what the shop says of items; may change meanwhile.
            limits: of memory.
        """
        self.release = release
        self._kinds = kinds
        self._limits = limits
        self._folding = SessionFolding(release, limits.sessions, limits.session_ttl_s)
        self._counts = NewItemCounts(release.manifest.encoder.index_dim, limits.halving)
        self._known = np.zeros(len(release.vocabulary))
        self._recent: deque[NDArray[np.float32]] = deque(maxlen=RECENT_QUERIES)
        vectors = index_vectors(release.item_vectors, release.manifest.encoder.index_dim)
        self._space = _space_of(release.manifest, vectors)
        located = without_bias(vectors, release.manifest.strategy)
        self._of_kinds = KindEvidence(kinds, release.vocabulary, located)

    @property
    def sessions(self) -> int:
        """How many are remembered."""
        return len(self._folding)

    def take(self, events: Sequence[SessionEvent]) -> None:
        """Learn from events in log order."""
        folded = self._folding.fold(events)
        if not folded.events:
            return
        now_ms = max(event.occurred_at_ms for event in folded.events)
        self._known *= self._counts.pass_by(now_ms, int(folded.known.sum()), len(folded.events))
        self._recent.extend(folded.after[folded.known].copy())
        self._count(folded)

    def _count(self, folded: Folded) -> None:
        rows = self.release.vocabulary.rows(event.item_id for event in folded.events)
        np.add.at(self._known, rows[rows != UNKNOWN], 1)
        for at in np.flatnonzero(rows == UNKNOWN).tolist():
            query = folded.before[at] if folded.led[at] else None
            self._counts.count(folded.events[at].item_id, query)
        if len(self._counts) > 2 * self._limits.items:
            self._forget()

    def build(self) -> SideItems:
        """The new items as they are now; none before any query."""
        item_ids = self._chosen() if self._recent else []
        if not item_ids:
            return SideItems(
                Vocabulary([]),
                np.empty((0, self.release.manifest.encoder.index_dim), dtype=np.float32),
                np.empty(0, dtype=SCORED_ROW),
            )
        sums = self._counts.sums(item_ids)
        sample = self._sample()
        learned = Learned(sums, self._of_kinds.of(item_ids, self._known), sample, self._events)
        located = without_bias(sample, self.release.manifest.strategy)
        return SideItems(
            Vocabulary(item_ids),
            self._space.vectors(learned),
            _popular(sums.events / self._events),
            query_length=float(np.linalg.norm(located, axis=1).mean()),
        )

    @property
    def _events(self) -> float:
        """Events of any item, as much as is left of them."""
        return max(1.0, self._counts.events)

    def _chosen(self) -> list[ItemId]:
        """The items of the next side index; the rest is forgotten."""
        most = self._limits.items + min(CANDIDATES, self._limits.items)
        for item_id in self._kinds.newest_first():
            if len(self._counts) >= most:
                break
            if item_id not in self.release.vocabulary.known_rows and self._kinds.kinds(item_id):
                self._counts.meet(item_id)
        self._forget()
        return self._counts.item_ids

    def _forget(self) -> None:
        """Forget what has no events left and is not in the catalogue, and what is beyond the limit.

        Of the items without events those that had the most chances go first.
        """
        item_ids = self._counts.item_ids
        sums = self._counts.sums(item_ids)
        order = np.lexsort((sums.exposure, -sums.events)).tolist()
        kept = [at for at in order if sums.events[at] > LEAST_EVENTS or item_ids[at] in self._kinds]
        self._counts.keep([item_ids[at] for at in kept[: self._limits.items]])

    def _sample(self) -> NDArray[np.float32]:
        places = np.linspace(0, len(self._recent) - 1, min(SAMPLED_QUERIES, len(self._recent)))
        recent = list(self._recent)
        return np.array([recent[place] for place in places.astype(int)], dtype=np.float32)


def _space_of(manifest: ReleaseManifest, vectors: NDArray[np.float32]) -> QuerySpace:
    """Where a release's queries and items lie; `vectors` are what its index searches."""
    if manifest.strategy == "als":
        return FactorSpace(vectors, manifest.config["als_regularization"], manifest.config["als_alpha"])
    return SoftmaxSpace(vectors)


def _popular(shares: Floats) -> NDArray[np.void]:
    """The items that occurred, by their shares of all events, `SCORED_ROW` [p]."""
    order = np.argsort(-shares, kind="stable")
    popular = np.empty(len(order), dtype=SCORED_ROW)
    popular["row"], popular["score"] = order, shares[order]
    return popular[popular["score"] > 0]
