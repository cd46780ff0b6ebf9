"""Evaluation on one split: learn from one part of a log, predict another.

Owns which parts are used, and what follows from lists and seeds. `retrain.evaluation.window_evaluation` is
its sibling for windows of time. Caller: `retrain.evaluation.evaluate_commands`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec
import polars as pl

from models.release import sha256_of
from retrain.evaluation.beyond_accuracy import Catalogue, beyond_accuracy, rare_share
from retrain.evaluation.evaluated_models import ModelSource, describe_model
from retrain.evaluation.evaluation_building import JudgedModel, accuracy_report, mean_and_std
from retrain.evaluation.evaluation_protocol import DataDescription
from retrain.evaluation.evaluation_report import EvaluationReport
from retrain.evaluation.evaluation_sections import BeyondAccuracy, IndexLoss, SeedRun, Seeds
from retrain.evaluation.evaluation_workshop import Workshop
from retrain.evaluation.index_loss import index_loss
from retrain.evaluation.item_popularity import ItemPopularity
from retrain.evaluation.model_runs import EvaluationPlan, ModelRun, answered, run_model
from retrain.evaluation.prediction_groups import facts_of
from retrain.evaluation.prefixes import prefixes_of
from retrain.evaluation.ranking_metrics import accuracy_values, metric_table
from retrain.evaluation.served_release import ServedRelease
from retrain.event_split import VALIDATION, hold_out_validation, test_events, train_events
from retrain.releases.release_building import hash_of_events
from schemas.errors import UsageError


@dataclass(frozen=True, eq=False)
class SplitParts:
    """What is learned from and what is predicted."""

    training: pl.DataFrame
    evaluated: pl.DataFrame
    description: DataDescription


def split_parts(
    log: pl.DataFrame, file: Path, part: str, test_share: float, validation_share: float
) -> SplitParts:
    """Cut a log.

    Args:
        log: see `retrain.event_split.read_log`.
        file: where it was read from.
        part: `test`, or `validation`: the last of the training sessions, the test part left out.
        test_share: see `retrain.event_split.train_events`.
        validation_share: see `retrain.event_split.hold_out_validation`.

    Raises:
        UsageError: the part is empty.
    """
    by_column = "split" in log.columns and log["split"].null_count() < len(log)
    if part == VALIDATION:
        log = hold_out_validation(log, test_share, validation_share)
        evaluated = log.filter(pl.col("split") == VALIDATION)
    else:
        evaluated = test_events(log, test_share)
    training = train_events(log, test_share)
    if evaluated.is_empty():
        raise UsageError(
            f"{file.name}: nothing to predict: "
            + (
                "no row has split=test"
                if by_column
                else f"--test-share {test_share:g} leaves no session; give a greater one"
            )
        )
    description = DataDescription(
        file=file.name,
        sha256=sha256_of(file),
        part=part,
        split="column" if by_column else "last sessions",
        events=len(evaluated),
        train_events=len(training),
        catalogue_items=pl.concat([training["item_id"], evaluated["item_id"]]).n_unique(),
        test_share=None if by_column else test_share,
    )
    return SplitParts(training, evaluated, description)


def evaluate_split(
    sources: Sequence[ModelSource], parts: SplitParts, plan: EvaluationPlan, workshop: Workshop
) -> EvaluationReport:
    """Evaluate a model, others beside it.

    Args:
        sources: the evaluated model, then what it is compared with.
        parts: see `split_parts`.
        plan: how.
        workshop: see `retrain.evaluation.evaluation_workshop.Workshop`.

    Raises:
        UsageError: see `retrain.evaluation.model_runs.run_model` and
        `retrain.evaluation.prefixes.prefixes_of`.
    """
    prefixes = prefixes_of(parts.evaluated)
    popularity = ItemPopularity(parts.training)
    facts = facts_of(prefixes, popularity)
    found = [run_model(source, parts.training, prefixes, plan, workshop) for source in sources]
    any_release = any(source.kind == "release" for source in sources)
    learned_here = hash_of_events(parts.training) if any_release else None
    judged = [_judged(source, runs, learned_here) for source, runs in zip(sources, found, strict=True)]
    report = accuracy_report(judged[0], judged[1:], facts, plan, parts.description)
    beyond = [_beyond_accuracy(runs, parts, popularity, plan) for runs in found]
    runs = found[0]
    assert report.new_items is not None
    listed = [rare_share(run.model, run.predictions, popularity, plan.cutoffs) for run in runs]
    return msgspec.structs.replace(
        report,
        beyond_accuracy=beyond[0],
        comparisons=[
            msgspec.structs.replace(comparison, beyond_accuracy=figures)
            for comparison, figures in zip(report.comparisons, beyond[1:], strict=True)
        ],
        new_items=msgspec.structs.replace(report.new_items, listed_share=_mean(listed)),
        index_loss=_index_loss(runs[0], plan, workshop) if len(runs) == 1 else None,
        seeds=_seeds(runs, plan),
    )


def _judged(source: ModelSource, runs: Sequence[ModelRun], learned_here: str | None) -> JudgedModel:
    model = runs[0].model
    description = describe_model(model, source)
    if isinstance(model, ServedRelease) and not source.is_fitted_here:
        elsewhere = model.release.manifest.data.sha256 != learned_here
        description = msgspec.structs.replace(description, learned_elsewhere=elsewhere)
    if len(runs) > 1:
        config = {name: value for name, value in description.config.items() if name != "seed"}
        description = msgspec.structs.replace(description, release_id=None, config=config)
    return JudgedModel(
        description=description,
        unseen_targets=runs[0].predictions.unseen_targets,
        runs=[run.predictions.ranks for run in runs],
        fitting_s=fmean(run.fitting_s for run in runs),
        answering_s=fmean(run.answering_s for run in runs),
    )


def _beyond_accuracy(
    runs: Sequence[ModelRun], parts: SplitParts, popularity: ItemPopularity, plan: EvaluationPlan
) -> BeyondAccuracy:
    columns = [name for name in ("item_id", "category") if name in parts.training.columns]
    events = pl.concat([parts.training.select(columns), parts.evaluated.select(columns)])
    catalogue = Catalogue(popularity, events["item_id"].unique(), events)
    found = [beyond_accuracy(run.model, run.predictions, catalogue, plan.cutoffs) for run in runs]
    return msgspec.convert(_mean([msgspec.to_builtins(each) for each in found]), BeyondAccuracy)


def _index_loss(run: ModelRun, plan: EvaluationPlan, workshop: Workshop) -> IndexLoss | None:
    if not isinstance(run.model, ServedRelease) or plan.ties is not None:
        return None
    kind = run.model.release.manifest.index.kind
    if kind == "exact":
        return None
    with workshop.evaluation_display("exact search") as progress:
        exact = answered(run.model.with_exact_search(), run.predictions.prefixes, plan, progress)
    return index_loss(kind, run.predictions, exact, plan.cutoffs, plan.bootstrap)


def _seeds(runs: Sequence[ModelRun], plan: EvaluationPlan) -> Seeds | None:
    seeded = [
        SeedRun(
            seed=run.seed,
            release_id=run.model.name,
            training_s=round(run.fitting_s, 2),
            metrics=metric_table(accuracy_values([run.predictions.ranks], plan.cutoffs)),
        )
        for run in runs
        if run.seed is not None
    ]
    if not seeded:
        return None
    mean, std = mean_and_std([run.metrics for run in seeded])
    return Seeds(runs=seeded, mean=mean, std=std)


def _mean(found: Sequence[Any]) -> Any:
    """The mean of equally built figures: of each entry of a table; None where there are none."""
    if found[0] is None:
        return None
    if isinstance(found[0], dict):
        return {name: _mean([each[name] for each in found]) for name in found[0]}
    return sum(found) / len(found)
