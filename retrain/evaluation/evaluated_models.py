"""MODEL: what `millrace evaluate` is told to evaluate, and how it becomes a fitted model.

Owns the reading of MODEL: a release's folder, a training configuration (trained first) or a baseline (fitted
first). Callers: `retrain.evaluation.evaluate_commands`, `retrain.evaluation.model_runs`.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec
import polars as pl

from models.model_config import PRESETS, ModelConfig, load_model_config
from models.release import load_release
from retrain.evaluation.evaluation_protocol import ModelDescription
from retrain.evaluation.next_item_model import NextItemModel
from retrain.evaluation.predictions import Progress
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


@dataclass(frozen=True)
class Workshop:
    """What fitting needs besides the data."""

    releases: Path
    """The folder for the releases that are trained here."""
    excluded_types: frozenset[int]
    """Filter of releases, see `models.recommender.Recommender`."""
    training_display: Callable[[], AbstractContextManager[Callable[..., None]]]
    """Shows a training while it runs."""
    evaluation_display: Callable[[str], AbstractContextManager[Progress]]
    """Shows the answering, by the model's name."""


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


def fitted(source: ModelSource, training: pl.DataFrame, workshop: Workshop) -> NextItemModel:
    """The model, ready to answer.

    Args:
        source: see `model_source`.
        training: the events to learn from, in log order; not used for a release.
        workshop: see `Workshop`.

    Raises:
        UsageError: there is nothing to learn from, or a baseline's options are wrong.
        InvalidRelease: the release cannot be loaded.
    """
    if source.kind == "release":
        return ServedRelease(load_release(Path(source.given)), workshop.excluded_types)
    if source.kind == "baseline":
        from retrain.baselines.registry import fit_baseline

        return fit_baseline(source.given, training, source.config.session_gap_s)
    return _trained(source.config, training, workshop)


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


def _trained(config: ModelConfig, training: pl.DataFrame, workshop: Workshop) -> ServedRelease:
    from retrain.training.training_run import train_release

    all_of_it = msgspec.structs.replace(config, test_share=0.0)
    log = training.drop("split", strict=False)
    with workshop.training_display() as show:
        manifest = train_release(log, all_of_it, workshop.releases, datetime.now(UTC), show)
    return ServedRelease(load_release(workshop.releases / manifest.release_id), workshop.excluded_types)
