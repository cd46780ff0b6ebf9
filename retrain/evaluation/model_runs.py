"""Model runs: one model, fitted once or with several seeds, answers one set of prefixes.

Owns the order of fitting and answering, and the plan that all models of one evaluation share. Callers:
`retrain.evaluation.split_evaluation`, `retrain.evaluation.window_evaluation`.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import msgspec
import polars as pl

from retrain.evaluation.all_item_ranks import Ties, all_item_ranks
from retrain.evaluation.bootstrap import Bootstrap
from retrain.evaluation.evaluated_models import ModelSource, fitted
from retrain.evaluation.evaluation_workshop import Workshop
from retrain.evaluation.next_item_model import NextItemModel, ScoresAllItems
from retrain.evaluation.predictions import Predictions, Progress, predict
from retrain.evaluation.prefixes import Prefixes
from schemas.errors import UsageError


@dataclass(frozen=True)
class EvaluationPlan:
    """How everything is evaluated."""

    cutoffs: Sequence[int]
    """The k, rising."""
    ties: Ties | None = None
    """Rank among all items under this policy; None: by the place in the list."""
    bootstrap: Bootstrap = field(default_factory=Bootstrap)
    """For intervals; 0 resamples: none."""
    seeds: Sequence[int] = ()
    """Train a configuration once with each; none: once, with its own seed."""
    excluded_event_types: Sequence[str] = ()
    """The filter of releases, by its names."""


@dataclass(frozen=True, eq=False)
class ModelRun:
    """One fitted model and its answers."""

    model: NextItemModel
    predictions: Predictions
    fitting_s: float
    """Seconds of wall time."""
    answering_s: float
    """Seconds of wall time."""
    seed: int | None = None


def run_model(
    source: ModelSource, training: pl.DataFrame, prefixes: Prefixes, plan: EvaluationPlan, workshop: Workshop
) -> list[ModelRun]:
    """Fit a model, once or with each seed, and let it answer.

    Args:
        source: which one.
        training: the events to learn from, in log order.
        prefixes: what to predict.
        plan: how.
        workshop: see `retrain.evaluation.evaluation_workshop.Workshop`.

    Raises:
        UsageError: see `retrain.evaluation.evaluated_models.fitted`; or the model cannot score all items.
    """
    if not (plan.seeds and source.kind == "configuration"):
        return [_run(source, training, prefixes, plan, workshop)]
    runs = []
    for seed in plan.seeds:
        seeded = source._replace(config=msgspec.structs.replace(source.config, seed=seed))
        runs.append(replace(_run(seeded, training, prefixes, plan, workshop), seed=seed))
    return runs


def answered(
    model: NextItemModel, prefixes: Prefixes, plan: EvaluationPlan, progress: Progress
) -> Predictions:
    """The lists of a model, and its ranks as the plan wants them.

    Raises:
        UsageError: the model cannot score all items, but the plan wants it.
    """
    if plan.ties is None:
        return predict(model, prefixes, max(plan.cutoffs), progress)
    if not isinstance(model, ScoresAllItems):
        raise UsageError(f"--all-items: {model.name} gives lists only; leave the option out")
    predictions = predict(model, prefixes, max(plan.cutoffs))
    ranks = all_item_ranks(model, prefixes, predictions.target_rows, plan.ties, progress)
    return replace(predictions, ranks=ranks)


def _run(
    source: ModelSource, training: pl.DataFrame, prefixes: Prefixes, plan: EvaluationPlan, workshop: Workshop
) -> ModelRun:
    model, fitting_s = fitted(source, training, workshop)
    ready = time.perf_counter()
    with workshop.evaluation_display(model.name) as progress:
        predictions = answered(model, prefixes, plan, progress)
    return ModelRun(model, predictions, fitting_s, time.perf_counter() - ready)
