"""Beyond accuracy: coverage, diversity, novelty and popularity bias of the lists that a model made.

Owns the section and what is counted against what; `retrain.evaluation.list_exposure` and
`retrain.evaluation.list_diversity` own the formulas, docs/evaluation.md the definitions. Caller:
`retrain.evaluation.evaluation_building`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import msgspec
import numpy as np
import polars as pl
from numpy.typing import NDArray

from retrain.evaluation.evaluation_sections import BeyondAccuracy
from retrain.evaluation.item_popularity import ItemPopularity, category_codes
from retrain.evaluation.list_diversity import category_diversity, embedding_diversity
from retrain.evaluation.list_exposure import entropy_bits, exposures, gini, inter_session_diversity
from retrain.evaluation.next_item_model import NextItemModel
from retrain.evaluation.prediction_groups import RARE_BELOW
from retrain.evaluation.predictions import Predictions


@runtime_checkable
class HasItemEmbeddings(Protocol):
    """A model that says by vectors which items are alike."""

    @property
    def item_embeddings(self) -> NDArray[np.float32]:
        """float32 [items, dim]."""
        ...


@dataclass(frozen=True, eq=False)
class Catalogue:
    """The items of the file's used parts: what the lists are counted against."""

    popularity: ItemPopularity
    """Of the part to learn from."""
    items: pl.Series
    """The distinct items of the training part and the evaluated part."""
    events: pl.DataFrame
    """Both parts: where categories stand."""


def beyond_accuracy(
    model: NextItemModel, predictions: Predictions, catalogue: Catalogue, cutoffs: Sequence[int]
) -> BeyondAccuracy:
    """The section.

    Args:
        model: what made the lists.
        predictions: with lists at least as long as the greatest cutoff.
        catalogue: what they are counted against.
        cutoffs: the k.
    """
    item_ids = pl.Series(model.vocabulary.item_ids, dtype=pl.String)
    events_of_item = catalogue.popularity.counts(item_ids)
    in_catalogue = item_ids.is_in(catalogue.items.implode()).to_numpy()
    targets = catalogue.popularity.counts(predictions.prefixes.targets)
    figures: dict[str, dict[str, float]] = {}
    for k in cutoffs:
        at_k = _of_exposure(predictions, k, events_of_item, catalogue.popularity.events)
        shown = exposures(predictions.listed_rows[:, :k], len(item_ids)) > 0
        at_k["catalogue_coverage"] = int((shown & in_catalogue).sum()) / len(catalogue.items)
        at_k["hit_coverage"] = _hit_coverage(predictions, k)
        at_k["popularity_lift"] = _lift(at_k["average_popularity"], float(targets.mean()))
        for name, value in at_k.items():
            figures.setdefault(name, {})[str(k)] = value
    diversity = _intra_list(model, predictions, category_codes(catalogue.events, item_ids), cutoffs)
    found: dict[str, Any] = {**figures, **diversity, "target_popularity": float(targets.mean())}
    return msgspec.convert(found, BeyondAccuracy)


def rare_share(
    model: NextItemModel, predictions: Predictions, popularity: ItemPopularity, cutoffs: Sequence[int]
) -> dict[str, float]:
    """The share of the list entries that are rare items (below `RARE_BELOW`), at each cutoff."""
    item_ids = pl.Series(model.vocabulary.item_ids, dtype=pl.String)
    rare = popularity.counts(item_ids) < RARE_BELOW
    shares = {}
    for k in cutoffs:
        exposure = exposures(predictions.listed_rows[:, :k], len(item_ids))
        shares[str(k)] = float(exposure[rare].sum()) / max(1, int(exposure.sum()))
    return shares


def _of_exposure(
    predictions: Predictions, k: int, events_of_item: NDArray[np.int64], training_events: int
) -> dict[str, float]:
    """What follows from how often each item is shown."""
    listed, items = predictions.listed_rows[:, :k], len(events_of_item)
    exposure = exposures(listed, items)
    entries, distinct = max(1, int(exposure.sum())), int((exposure > 0).sum())
    information = np.log2(max(1, training_events)) - np.log2(np.maximum(events_of_item, 1))
    return {
        "item_coverage": distinct / items,
        "aggregate_diversity": float(distinct),
        "exposure_gini": gini(exposure),
        "exposure_entropy": entropy_bits(exposure),
        "inter_session_diversity": inter_session_diversity(listed, predictions.prefixes.session, items),
        "novelty": float(exposure @ information) / entries,
        "average_popularity": float(exposure @ events_of_item) / entries,
    }


def _hit_coverage(predictions: Predictions, k: int) -> float:
    in_list = (predictions.listed_rows[:, :k] == predictions.target_rows[:, None]).any(axis=1)
    hit = np.unique(predictions.target_rows[in_list & (predictions.target_rows >= 0)])
    return len(hit) / predictions.prefixes.targets.n_unique()


def _lift(average: float, target: float) -> float:
    return (average - target) / target if target else 0.0


def _intra_list(
    model: NextItemModel,
    predictions: Predictions,
    categories: NDArray[np.int32] | None,
    cutoffs: Sequence[int],
) -> dict[str, dict[str, float]]:
    found = {}
    if isinstance(model, HasItemEmbeddings):
        by_embedding = embedding_diversity(predictions.listed_rows, model.item_embeddings, cutoffs)
        found["intra_list_diversity_embedding"] = by_embedding
    if categories is not None:
        by_category = category_diversity(predictions.listed_rows, categories, cutoffs)
        found["intra_list_diversity_category"] = by_category
    return found
