"""MODEL: what `millrace evaluate` is told to evaluate, and how it becomes a fitted model.

Owns the reading of MODEL: a release's folder, a training configuration (trained first) or a baseline (fitted
first). Callers: `retrain.evaluation.evaluate_commands`, `retrain.evaluation.model_runs`.
"""

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import polars as pl

from models.model_config import ModelConfig
from models.model_config_file import PRESETS, load_model_config
from models.release import load_release
from retrain.evaluation.evaluation_protocol import ModelDescription
from retrain.evaluation.evaluation_workshop import Workshop
from retrain.evaluation.next_item_model import NextItemModel
from retrain.evaluation.served_release import ServedRelease
from schemas.errors import UsageError

CONFIGURATION = "gru4rec"
"""MODEL for the configuration of `--config`."""


class ModelSource(NamedTuple):
    """Where a model comes from."""

    kind: Literal["release", "configuration", "baseline"]
    given: str
    """As it was given: a folder, a file, a baseline with its options."""
    config: ModelConfig
    """How a configuration is trained; a baseline takes the session rule's gap from it."""

    @property
    def is_fitted_here(self) -> bool:
        """Whether it learns from the file's training part; a release was trained before."""
        return self.kind != "release"


class Fitted(NamedTuple):
    """A model, ready to answer."""

    model: NextItemModel
    seconds: float
    """Of wall time that it took; of a release its loading."""


def model_source(given: str, config: ModelConfig, overrides: Mapping[str, Any]) -> ModelSource:
    """Read a MODEL.

    Args:
        given: a release's folder, a `.toml` or `.json` config file or the name of a configuration, `gru4rec`,
            or a baseline and its options.
        config: of `gru4rec`; a baseline takes the session rule's gap from it.
        overrides: fields that win over those of a config file, see `models.model_config.load_model_config`.

    Raises:
        UsageError: it is none of these.
    """
    path = Path(given)
    if given == CONFIGURATION:
        return ModelSource("configuration", given, config)
    if path.is_dir():
        return ModelSource("release", given, config)
    if given in PRESETS or path.suffix in {".toml", ".json"}:
        return ModelSource("configuration", given, load_model_config(path, overrides))
    from retrain.baselines.registry import BASELINES

    if given.partition(":")[0] in BASELINES:
        return ModelSource("baseline", given, config)
    raise UsageError(
        f"MODEL {given}: neither a release's folder nor a config file (.toml, .json) nor {CONFIGURATION} nor "
        f"one of {', '.join(PRESETS)} nor a baseline ({', '.join(BASELINES)})"
    )


def fitted(source: ModelSource, training: pl.DataFrame, workshop: Workshop) -> Fitted:
    """The model, ready to answer.

    Args:
        source: see `model_source`.
        training: the events to learn from, in log order; not used for a release.
        workshop: see `Workshop`.

    Raises:
        UsageError: there is nothing to learn from, or a baseline's options are wrong.
        InvalidRelease: the release cannot be loaded.
    """
    started = time.perf_counter()
    model: NextItemModel
    match source.kind:
        case "configuration":
            return _trained(source.config, training, workshop)
        case "release":
            model = ServedRelease(load_release(Path(source.given)), workshop.excluded_types)
        case "baseline":
            from retrain.baselines.registry import fit_baseline

            model = fit_baseline(source.given, training, source.config.session_gap_s)
    return Fitted(model, time.perf_counter() - started)


def describe_model(model: NextItemModel, source: ModelSource) -> ModelDescription:
    """What stands in the report about a model."""
    if isinstance(model, ServedRelease):
        manifest = model.release.manifest
        trained_here = source.is_fitted_here
        return ModelDescription(
            name=Path(source.given).name if trained_here else manifest.release_id,
            items=manifest.items,
            session_gap_s=manifest.session_gap_s,
            release_id=manifest.release_id,
            strategy=manifest.strategy,
            index=manifest.index.kind,
            config=manifest.config,
        )
    return ModelDescription(
        name=model.name, items=len(model.vocabulary), session_gap_s=source.config.session_gap_s
    )


def _trained(config: ModelConfig, training: pl.DataFrame, workshop: Workshop) -> Fitted:
    from retrain.runs.recorded_training import file_source, train_recorded
    from retrain.runs.run_recording import RunPlan, recorded_run, utc_now

    all_of_it = msgspec.structs.replace(config, test_share=0.0)
    log = training.drop("split", strict=False)
    source, tags = file_source(workshop.file), {"evaluated on": workshop.part}
    plan = RunPlan("evaluate", all_of_it, source, len(log), tags=tags)
    with recorded_run(workshop.runs, plan) as run, workshop.training_display() as show:
        manifest = train_recorded(run, log, all_of_it, workshop.releases, utc_now(), show)
    release = load_release(workshop.releases / manifest.release_id)
    return Fitted(ServedRelease(release, workshop.excluded_types), run.seconds["training"])
