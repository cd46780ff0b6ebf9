"""Time-ordered evaluation: every model is fitted anew before each window and predicts it.

Owns the sliding and what is reported of it; `retrain.evaluation.time_windows` owns the cutting. Caller:
`retrain.evaluation.evaluate_commands`.
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import NamedTuple

import msgspec
import numpy as np
import polars as pl

from models.release import sha256_of
from retrain.evaluation.bootstrap import metric_intervals
from retrain.evaluation.evaluated_models import ModelSource, describe_model
from retrain.evaluation.evaluation_building import JudgedModel, accuracy_report, mean_and_std
from retrain.evaluation.evaluation_protocol import DataDescription, ModelDescription
from retrain.evaluation.evaluation_report import EvaluationReport
from retrain.evaluation.evaluation_sections import Window, Windows
from retrain.evaluation.evaluation_workshop import Workshop
from retrain.evaluation.item_popularity import ItemPopularity
from retrain.evaluation.model_runs import EvaluationPlan, run_model
from retrain.evaluation.prediction_groups import PredictionFacts, facts_of, joined
from retrain.evaluation.ranking_metrics import Ranks, accuracy_values, metric_table
from retrain.evaluation.time_windows import TimeWindow, window_parts
from schemas.errors import UsageError


class _Step(NamedTuple):
    """One window, answered; nothing of the models or lists is kept."""

    window: TimeWindow
    train_events: int
    facts: PredictionFacts
    descriptions: list[ModelDescription]
    """Beside each source."""
    ranks: list[list[Ranks]]
    """Beside each source, its runs."""
    unseen_targets: list[int]
    """Beside each source, as what follows, in seconds."""
    fitting_s: list[float]
    answering_s: list[float]


def evaluate_windows(
    sources: Sequence[ModelSource],
    log: pl.DataFrame,
    windows: Sequence[TimeWindow],
    file: Path,
    plan: EvaluationPlan,
    workshop: Workshop,
) -> EvaluationReport:
    """Evaluate a model, others beside it, window by window.

    Args:
        sources: the evaluated model, then what it is compared with.
        log: in log order, without nulls in `occurred_at_ms`.
        windows: see `retrain.evaluation.time_windows.last_windows`.
        file: where the log was read from.
        plan: how.
        workshop: see `retrain.evaluation.evaluation_workshop.Workshop`.

    Raises:
        UsageError: a model is a release, which has seen the windows already; see also
            `retrain.evaluation.time_windows.window_parts` and `retrain.evaluation.model_runs.run_model`.
    """
    for source in sources:
        if not source.is_fitted_here:
            raise UsageError(
                f"--windows: {source.given} is a release, trained before; give gru4rec, a config file or a "
                "baseline"
            )
    steps = [_step(sources, log, window, plan, workshop) for window in windows]
    judged, *others = [_over_all(steps, at) for at in range(len(sources))]
    facts = joined([step.facts for step in steps])
    data = DataDescription(
        file=file.name,
        sha256=sha256_of(file),
        part="windows",
        split="time",
        events=len(log),
        train_events=steps[-1].train_events,
        catalogue_items=log["item_id"].n_unique(),
    )
    found = [_window(step, plan) for step in steps]
    mean, std = mean_and_std([window.metrics for window in found])
    report = accuracy_report(judged, others, facts, plan, data)
    return msgspec.structs.replace(report, windows=Windows(windows=found, mean=mean, std=std))


def _step(
    sources: Sequence[ModelSource],
    log: pl.DataFrame,
    window: TimeWindow,
    plan: EvaluationPlan,
    workshop: Workshop,
) -> _Step:
    training, prefixes = window_parts(log, window)
    runs = [run_model(source, training, prefixes, plan, workshop) for source in sources]
    return _Step(
        window=window,
        train_events=len(training),
        facts=facts_of(prefixes, ItemPopularity(training)),
        descriptions=[
            describe_model(of_one[0].model, source) for source, of_one in zip(sources, runs, strict=True)
        ],
        ranks=[[run.predictions.ranks for run in of_one] for of_one in runs],
        unseen_targets=[of_one[0].predictions.unseen_targets for of_one in runs],
        fitting_s=[fmean(run.fitting_s for run in of_one) for of_one in runs],
        answering_s=[fmean(run.answering_s for run in of_one) for of_one in runs],
    )


def _over_all(steps: Sequence[_Step], at: int) -> JudgedModel:
    """The ranks of one model over all windows."""
    return JudgedModel(
        description=msgspec.structs.replace(steps[-1].descriptions[at], release_id=None),
        unseen_targets=sum(step.unseen_targets[at] for step in steps),
        runs=[np.concatenate(parts) for parts in zip(*(step.ranks[at] for step in steps), strict=True)],
        fitting_s=sum(step.fitting_s[at] for step in steps),
        answering_s=sum(step.answering_s[at] for step in steps),
    )


def _window(step: _Step, plan: EvaluationPlan) -> Window:
    values = accuracy_values(step.ranks[0], plan.cutoffs)
    facts = step.facts
    return Window(
        train_from_ms=step.window.train_from_ms,
        train_until_ms=step.window.train_until_ms,
        test_until_ms=step.window.test_until_ms,
        train_events=step.train_events,
        n=len(facts),
        sessions=facts.sessions,
        unseen_targets=step.unseen_targets[0],
        metrics=metric_table(values),
        intervals=metric_intervals(values, facts.session, plan.bootstrap)
        if plan.bootstrap.resamples
        else None,
    )
