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
from models.servable_model import index_vectors
from models.side_index import SideItems
from models.vocabulary import UNKNOWN, Vocabulary
from retrain.side_index.item_kinds import ItemKinds, Kind
from retrain.side_index.new_item_counts import Halving, NewItemCounts, Sums
from retrain.side_index.new_item_vectors import Evidence, Floats, fitted_vectors, recent_queries
from retrain.side_index.session_folding import Folded, SessionFolding
from schemas.errors import InvalidRelease
from schemas.ids import ItemId

RECENT_QUERIES = 4096
"""Queries that are remembered to judge new items by."""
SAMPLED_QUERIES = 256
"""Of them those that are used, evenly spaced."""
SCORED_AT_ONCE = 65_536
OWN_WEIGHT = 1.0
"""Queries that the mean of all queries counts for beside those that led to an item."""
KIND_WEIGHT = 5.0
"""Likewise the mean of the known items of its category and brand."""
TRIAL_QUERIES = 1000.0
"""For so many queries an item is expected to occur as often as the known ones of its kind."""
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

        Raises:
            InvalidRelease: its scores have no bias, so that nothing could be compared with them.
        """
        if release.manifest.strategy != "gru4rec":
            raise InvalidRelease(
                f"release {release.release_id} is of strategy {release.manifest.strategy}: its scores have "
                "no bias, and new items cannot be compared with known ones; train one of strategy gru4rec"
            )
        self.release = release
        self._kinds = kinds
        self._limits = limits
        self._folding = SessionFolding(release, limits.sessions, limits.session_ttl_s)
        self._counts = NewItemCounts(release.manifest.encoder.index_dim, limits.halving)
        self._known = np.zeros(len(release.vocabulary))
        self._recent: deque[NDArray[np.float32]] = deque(maxlen=RECENT_QUERIES)
        self._vectors = index_vectors(release.item_vectors, release.manifest.encoder.index_dim)

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

    def build(self) -> SideItems:
        """The new items as they are now; none before any query."""
        if not self._recent:
            return self._side_items([], np.zeros((0, self._vectors.shape[1]), dtype=np.float32), None)
        item_ids = self._chosen()
        if not item_ids:
            return self._side_items([], np.zeros((0, self._vectors.shape[1]), dtype=np.float32), None)
        sums = self._counts.sums(item_ids)
        recent = recent_queries(self._sample(), self._vectors, SCORED_AT_ONCE)
        evidence = self._evidence(item_ids, sums, recent.queries.mean(axis=0) / recent.length)
        length = float(np.median(np.linalg.norm(self._vectors[:, :-1], axis=1)))
        return self._side_items(item_ids, fitted_vectors(evidence, recent, length), sums)

    def _chosen(self) -> list[ItemId]:
        """The items of the next side index; the rest is forgotten."""
        for item_id in self._kinds:
            if item_id not in self.release.vocabulary.known_rows and self._kinds.kinds(item_id):
                self._counts.meet(item_id)
        item_ids = self._counts.item_ids
        events = self._counts.sums(item_ids).events
        order = np.argsort(-events, kind="stable")[: self._limits.items]
        kept = [
            item_ids[at] for at in order.tolist() if events[at] > LEAST_EVENTS or item_ids[at] in self._kinds
        ]
        self._counts.keep(kept)
        return kept

    def _sample(self) -> NDArray[np.float32]:
        places = np.linspace(0, len(self._recent) - 1, min(SAMPLED_QUERIES, len(self._recent)))
        recent = list(self._recent)
        return np.array([recent[place] for place in places.astype(int)], dtype=np.float32)

    def _evidence(self, item_ids: list[ItemId], sums: Sums, mean: Floats) -> Evidence:
        """What queries, kind, and the mean of all queries say of each item."""
        scale = float(np.linalg.norm(np.array(self._recent)[:, :-1], axis=1).mean())
        of_kind, expected = self._of_kind(item_ids)
        has_kind = np.linalg.norm(of_kind, axis=1) > 0
        prior = np.where(has_kind[:, None], KIND_WEIGHT * of_kind, OWN_WEIGHT * mean)
        weight = sums.led + np.where(has_kind, KIND_WEIGHT, OWN_WEIGHT)
        towards = (sums.queries[:, :-1] / scale + prior) / weight[:, None]
        seen = sums.events / max(1.0, self._counts.events)
        tried = TRIAL_QUERIES / (sums.exposure + TRIAL_QUERIES)
        return Evidence(towards, sums.led, seen + expected * tried)

    def _of_kind(self, item_ids: list[ItemId]) -> tuple[Floats, Floats]:
        """The mean direction of each item's kind, float64 [items, dim], zeros without any, and its rate."""
        wanted = {kind for item_id in item_ids for kind in self._kinds.kinds(item_id)}
        rows = self._kinds.known_rows(self.release.vocabulary, wanted)
        means: dict[Kind, Floats] = {}
        rates: dict[Kind, float] = {}
        for kind, of_kind in rows.items():
            vectors = self._vectors[of_kind, :-1].astype(np.float64)
            lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
            means[kind] = (vectors / lengths).mean(axis=0)
            rates[kind] = float(self._known[of_kind].mean()) / max(1.0, self._counts.events)
        directions = np.zeros((len(item_ids), self._vectors.shape[1] - 1))
        expected = np.zeros(len(item_ids))
        for at, item_id in enumerate(item_ids):
            if found := [kind for kind in self._kinds.kinds(item_id) if kind in means]:
                directions[at] = np.mean([means[kind] for kind in found], axis=0)
                expected[at] = np.mean([rates[kind] for kind in found])
        return directions, expected

    def _side_items(
        self, item_ids: list[ItemId], vectors: NDArray[np.float32], sums: Sums | None
    ) -> SideItems:
        shares = np.zeros(0) if sums is None else sums.events / max(1.0, self._counts.events)
        order = np.argsort(-shares, kind="stable")
        popular = np.empty(len(order), dtype=SCORED_ROW)
        popular["row"], popular["score"] = order, shares[order]
        return SideItems(Vocabulary(item_ids), vectors, popular[popular["score"] > 0])
