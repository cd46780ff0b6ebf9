"""One trial of a tuning: train on a share of the training sessions, judge on the validation part.

Owns what a trial may see: the training part of the log and nothing else; the test rows are dropped before
anything is drawn. A release is made in a folder that goes away and answers through the code that serves.
Caller: `retrain.tuning.tuning`.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from models.model_config import ModelConfig
from models.release import load_release
from retrain.evaluation.predictions import predict
from retrain.evaluation.prefixes import Prefixes, prefixes_of
from retrain.evaluation.served_release import ServedRelease
from retrain.event_split import hold_out_validation, train_events, validation_split
from retrain.runs.recorded_training import train_recorded
from retrain.runs.run_recording import RunPlan, recorded_run, utc_now
from retrain.training.training_loop import TrainingProgress
from retrain.training.training_resources import ONE_CORE, Resources
from retrain.tuning.tuning_objective import Objective
from schemas.run_record import RunSource


@dataclass(frozen=True, eq=False)
class TuningData:
    """What a tuning may see of a log."""

    training: pl.DataFrame
    """The training part, in log order, the validation sessions included."""
    validation_share: float
    prefixes: Prefixes
    """Of the validation sessions: what is predicted."""
    source: RunSource


@dataclass(frozen=True)
class TrialRules:
    """What all trials have in common."""

    objective: Objective
    runs: Path
    """The folder of the runs' folders."""
    resources: Resources = ONE_CORE


def tuning_data(
    log: pl.DataFrame, test_share: float, validation_share: float, source: RunSource
) -> TuningData:
    """Drop the test part of a log and cut the validation part off the rest.

    Args:
        log: see `retrain.event_split.read_log`.
        test_share: see `retrain.event_split.train_events`.
        validation_share: see `retrain.event_split.validation_split`.
        source: where the log came from.

    Raises:
        UsageError: see `retrain.event_split.validation_split`; or nothing is to be predicted.
    """
    training = train_events(log, test_share).drop("split", strict=False)
    parts = validation_split(training, validation_share)
    return TuningData(training, validation_share, prefixes_of(parts.validation), source)


def run_trial(
    data: TuningData,
    config: ModelConfig,
    share: float,
    rules: TrialRules,
    tags: Mapping[str, str],
    progress: Callable[[TrainingProgress], None] = lambda _: None,
) -> dict[str, float]:
    """Train and judge once.

    Args:
        data: what the trial may see.
        config: how to train.
        share: of the sessions to learn from, the last ones; 1: all.
        rules: what all trials have in common.
        tags: what tells this run from others.
        progress: see `retrain.training.training.train`.

    Returns:
        The objective's figures on the validation part.

    Raises:
        UsageError: the training diverged or found nothing to learn from.
    """
    log = _log_of(data, share)
    plan = RunPlan("tune", config, data.source, len(log), data.validation_share, tags)
    with recorded_run(rules.runs, plan) as run, TemporaryDirectory(prefix="millrace-tune-") as workplace:
        manifest = train_recorded(run, log, config, Path(workplace), utc_now(), progress, rules.resources)
        with run.timed("validation"):
            model = ServedRelease(load_release(Path(workplace) / manifest.release_id))
            predictions = predict(model, data.prefixes, rules.objective.cutoff)
            figures = rules.objective.figures(predictions.ranks)
        run.add_metrics({name: round(value, 6) for name, value in figures.items()})
    return figures


def _log_of(data: TuningData, share: float) -> pl.DataFrame:
    """The training part with a `split` column, cut to the last share of the sessions to learn from."""
    held = hold_out_validation(data.training, 0.0, data.validation_share)
    if share >= 1:
        return held
    ids = train_events(held, 0.0).unique("session_id", keep="last", maintain_order=True)["session_id"]
    dropped = ids.head(len(ids) - max(1, round(share * len(ids))))
    return held.filter(~pl.col("session_id").is_in(dropped.implode()))
