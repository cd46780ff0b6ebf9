"""GateFigures: what was measured of a candidate, before any rule is held against it.

Owns the shapes and the names under which figures stand in manifests. Makers: `retrain.gate.candidate_gate`
and the modules that measure; readers: the rules.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from retrain.gate.gate_rules import K
from retrain.gate.paired_loss import PairedLoss
from retrain.gate.rule_check import rounded

BATCHES = (1, 256)
"""Events at once, of which steps and searches are timed."""


class Timings(NamedTuple):
    """Microseconds an event, by events at once."""

    step_us: dict[int, float]
    """Of the encoder."""
    search_us: dict[int, float]
    """Of the index."""


@dataclass(frozen=True)
class EngineFigures:
    """Of encoder and index, on queries of the slice."""

    nonfinite_outputs: int
    """Values of queries and states that are NaN or infinite."""
    index_recall: dict[int, float]
    """At each cutoff: the mean share of the exact search's items that the index finds."""
    timings: Timings


@dataclass(frozen=True)
class ListFigures:
    """Of the lists, on the predictions of the slice."""

    predictions: int
    recall: float
    mrr: float
    popularity_recall: float
    """Of the candidate's popular list, on the same predictions."""
    coverage: float
    """Distinct items in the lists, as a share of those that could be there."""
    nonfinite_scores: int
    """Scores in the lists that are NaN or infinite."""
    greatest_score: float
    """The greatest absolute score in a list."""
    flat_lists: float
    """The share of lists of two items or more whose items all have the same score."""
    same_lists: float
    """The share of the commonest list."""


@dataclass(frozen=True)
class IncumbentFigures:
    """Of the incumbent, on the same predictions, and of the difference."""

    items: int
    recall: float
    mrr: float
    coverage: float
    recall_loss: PairedLoss
    mrr_loss: PairedLoss


@dataclass(frozen=True)
class GateFigures:
    """Everything that was measured; None where it could not be."""

    items: int
    """The candidate's vocabulary."""
    nonfinite_vectors: int
    """Values of item vectors and repeat biases that are NaN or infinite."""
    incumbent_items: int | None = None
    engine: EngineFigures | None = None
    lists: ListFigures | None = None
    incumbent: IncumbentFigures | None = None


def named_figures(figures: GateFigures) -> dict[str, float]:
    """The figures as they stand in a manifest: finite ones, rounded to six decimals."""
    found = {"items": float(figures.items), "nonfinite_vectors": float(figures.nonfinite_vectors)}
    if figures.incumbent_items is not None:
        found["incumbent_items"] = float(figures.incumbent_items)
    for part in (_of_engine(figures.engine), _of_lists(figures.lists), _of_incumbent(figures.incumbent)):
        found |= dict(part)
    return {name: rounded(value) for name, value in found.items() if math.isfinite(value)}


def _of_engine(engine: EngineFigures | None) -> Iterator[tuple[str, float]]:
    if engine is None:
        return
    yield "nonfinite_outputs", float(engine.nonfinite_outputs)
    for k, share in engine.index_recall.items():
        yield f"index_recall@{k}", share
    for name, by_batch in engine.timings._asdict().items():
        for batch, us in by_batch.items():
            yield f"{name}_{batch}", us


def _of_lists(lists: ListFigures | None) -> Iterator[tuple[str, float]]:
    if lists is None:
        return
    yield "predictions", float(lists.predictions)
    yield f"recall@{K}", lists.recall
    yield f"mrr@{K}", lists.mrr
    yield f"popularity_recall@{K}", lists.popularity_recall
    yield f"coverage@{K}", lists.coverage
    yield "nonfinite_scores", float(lists.nonfinite_scores)
    yield "greatest_score", lists.greatest_score
    yield "flat_lists", lists.flat_lists
    yield "same_lists", lists.same_lists


def _of_incumbent(incumbent: IncumbentFigures | None) -> Iterator[tuple[str, float]]:
    if incumbent is None:
        return
    yield f"incumbent_recall@{K}", incumbent.recall
    yield f"incumbent_mrr@{K}", incumbent.mrr
    yield f"incumbent_coverage@{K}", incumbent.coverage
    for metric, loss in (("recall", incumbent.recall_loss), ("mrr", incumbent.mrr_loss)):
        yield f"{metric}@{K}_difference", loss.difference
        yield f"{metric}@{K}_difference_lower", loss.lower
        yield f"{metric}@{K}_difference_upper", loss.upper
