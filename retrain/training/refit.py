"""Refit: the pass in which a judged candidate learns the slice that it was judged on.

The field's word for a training on all data once the choice is made. A GRU4Rec goes over the slice
`warm_epochs` times (1 by default), from its own weights; a factorization over the whole window, for its
factors follow from all sessions at once. What is counted and not learned (vocabulary, popular list, index,
probes) is of the whole window. Owns what is learned from; not owned: whether it did the candidate good.
Callers: `retrain.cycle.refit_step`, `retrain.benches.freshness_trainings`.
"""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import polars as pl
from msgspec import structs

from models.model_config import ModelConfig
from models.release import read_manifest
from models.vocabulary import Vocabulary
from retrain.event_split import learnable_events, test_events
from retrain.releases.release_building import build_release, describe_data
from retrain.training.sessionize import Sessions, build_vocabulary, sessionize
from retrain.training.training_loop import TrainingProgress
from retrain.training.training_resources import ONE_CORE, Resources
from retrain.training.training_run import trained_model
from retrain.training.warm_start import WarmStart, warm_start_from
from schemas.errors import UsageError
from schemas.release_manifest import Refit, ReleaseManifest

_LEARNING_RATE_FACTOR = 1.0
"""In place of the config's for warm starts: a pass over the newest sessions alone need not weigh them more;
docs/freshness.md has what was tried."""


def refit_release(
    candidate: Path,
    log: pl.DataFrame,
    config: ModelConfig,
    releases: Path,
    created_at: datetime,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
    resources: Resources = ONE_CORE,
) -> ReleaseManifest:
    """Go on with a candidate's weights over what it was judged on, and write the release.

    Args:
        candidate: the folder of the judged release.
        log: what it was trained and judged on.
        config: of its training, the share included that was kept from it.
        releases: the folder in which the release's folder is made.
        created_at: the present, with a time zone.
        progress: see `retrain.training.training.train`.
        resources: likewise.

    Raises:
        InvalidRelease: the candidate's files are not what its manifest promises.
        UsageError: the window has no times, its weights do not fit the whole window, the slice has nothing to
            learn from, the training diverged, or the folder cannot be made.
    """
    events, newest = learnable_events(log), test_events(log, config.test_share)
    if events["occurred_at_ms"].max() is None:
        raise UsageError(
            "the window's events have no times: no later gate could tell what is new from what was learned"
        )
    vocabulary = build_vocabulary(events, config.min_item_support)
    sessions = sessionize(events, vocabulary, config.session_gap_s)
    start = _own_weights(candidate, config, vocabulary, sessions)
    typed = sessions.event_types is not None
    of_slice = sessionize(newest, vocabulary, config.session_gap_s, typed=typed)
    learned = (events, sessions) if config.strategy == "als" else (newest, of_slice)
    model = trained_model(learned[1], vocabulary, config, progress, resources, start)
    told = replace(
        model,
        lineage=read_manifest(candidate).lineage,  # the pass is no warm start of its own
        refit=Refit(learned=describe_data(*learned)),
    )
    data = describe_data(events, sessions)
    return build_release(releases, told, vocabulary, sessions, config, data, created_at)


def _own_weights(
    candidate: Path, config: ModelConfig, vocabulary: Vocabulary, sessions: Sessions
) -> WarmStart:
    learning = structs.replace(config, warm_learning_rate_factor=_LEARNING_RATE_FACTOR)
    start = warm_start_from(candidate, learning, vocabulary, sessions)
    if isinstance(start, WarmStart):
        return start
    raise UsageError(f"the candidate's own weights do not fit the whole window: {start.why_from_scratch}")
