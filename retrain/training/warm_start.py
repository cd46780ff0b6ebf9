"""Warm start: a training that begins with the weights of a release in place of random ones.

Owns whether a release's weights fit a training, and why not. Not owned: the rows of new items
(`retrain.training.carried_weights`), every how many cycles a training is from scratch in any case (the
caller's decision). Caller: `retrain.training.training_run`.
"""

from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np

from models.model_config import ModelConfig
from models.release import VOCABULARY_FILE, read_manifest, sha256_of
from models.trainable_weights import WEIGHTS_FILE, Weights, load_weights
from models.vocabulary import UNKNOWN, Vocabulary, load_vocabulary
from retrain.training.carried_weights import carried_weights
from retrain.training.initial_network import encoder_shape
from retrain.training.sessionize import Sessions
from schemas.errors import InvalidRelease
from schemas.release_manifest import Lineage, ReleaseManifest

LEAST_KNOWN_SHARE = 0.5
"""Of the events, those whose item the release knows: with fewer, what it learned is of other items."""
_ALIKE = {
    "gru4rec": ("hidden_size", "layers", "members", "tied_embeddings", "cosine_scale", "loss"),
    "als": ("als_factors",),
}
"""By strategy the fields of the model config on which the meaning of the weights depends."""


@dataclass(frozen=True, eq=False)
class WarmStart:
    """What a warm training begins with."""

    members: tuple[Weights, ...]
    """Of each network, with a row for each item of the new vocabulary."""
    config: ModelConfig
    """Of the training: with the epochs and the learning rate of warm ones."""
    weights_hash: str
    """Of the release's weights."""
    lineage: Lineage
    """For the manifest of the release that is made."""


def warm_start_from(
    folder: Path, config: ModelConfig, vocabulary: Vocabulary, sessions: Sessions
) -> WarmStart | Lineage:
    """What a training begins with that is to go on from a release.

    Args:
        folder: of the release.
        config: of the new training.
        vocabulary: of the new training.
        sessions: of the new training.

    Returns:
        The start, or, where the training must be from scratch, the lineage that says why.

    Raises:
        InvalidRelease: it is no release, or its weights or its vocabulary are not what its manifest promises.
    """
    manifest = read_manifest(folder)
    reason = _why_unlike(manifest, config)
    if reason is not None:
        return _from_scratch(manifest, reason)
    weights_hash = _verified(folder, manifest, WEIGHTS_FILE)
    _verified(folder, manifest, VOCABULARY_FILE)
    known, networks = load_vocabulary(folder / VOCABULARY_FILE), load_weights(folder / WEIGHTS_FILE)
    reason = _why_other_data(known, networks[0], config, vocabulary, sessions)
    if reason is not None:
        return _from_scratch(manifest, reason)
    before = 0 if isinstance(manifest.lineage, msgspec.UnsetType) else manifest.lineage.warm_cycles
    return WarmStart(
        members=tuple(carried_weights(networks, known, vocabulary, sessions, config)),
        config=msgspec.structs.replace(
            config,
            epochs=config.warm_epochs,
            learning_rate=config.learning_rate * config.warm_learning_rate_factor,
            min_steps=0,
            als_iterations=config.als_warm_iterations,
        ),
        weights_hash=weights_hash,
        lineage=Lineage(warm_started_from=manifest.release_id, warm_cycles=before + 1),
    )


def _from_scratch(manifest: ReleaseManifest, reason: str) -> Lineage:
    return Lineage(why_from_scratch=f"release {manifest.release_id}: {reason}")


def _why_unlike(manifest: ReleaseManifest, config: ModelConfig) -> str | None:
    """Why weights of that release cannot be weights of this training, as far as the configs tell."""
    new = msgspec.to_builtins(config)
    old = {**manifest.config, "strategy": manifest.strategy}
    for field in ("strategy", *_ALIKE[config.strategy]):
        if old.get(field) != new[field]:
            return f"its {field} is {old.get(field)}, and this training's {new[field]}"
    if WEIGHTS_FILE not in manifest.files:
        return f"it has no {WEIGHTS_FILE}: an older version of Millrace made it"
    return None


def _why_other_data(
    known: Vocabulary,
    network: Weights,
    config: ModelConfig,
    vocabulary: Vocabulary,
    sessions: Sessions,
) -> str | None:
    """Why they cannot be on these sessions."""
    shape = encoder_shape(config, sessions)
    is_als = config.strategy == "als"
    wanted = {"type_embeddings": shape.event_types > 0, "repeat_bias": shape.repeat_bias}
    for name in () if is_als else wanted:
        if (name in network) != wanted[name]:
            has, lacks = ("this training", "it") if wanted[name] else ("it", "this training")
            return f"{has} has {name}, {lacks} none, by the config or by the types of events in the data"
    known_events = np.count_nonzero(known.rows(vocabulary.item_ids)[sessions.item_rows] != UNKNOWN)
    share = known_events / max(len(sessions.item_rows), 1)
    if share < LEAST_KNOWN_SHARE:
        return f"it knows the items of {share:.0%} of the events; a warm start takes {LEAST_KNOWN_SHARE:.0%}"
    return None


def _verified(folder: Path, manifest: ReleaseManifest, name: str) -> str:
    """The file's SHA-256, which is the one in the manifest."""
    promised = manifest.files[name].sha256
    try:
        found = sha256_of(folder / name)
    except OSError as error:
        raise InvalidRelease(
            f"release {manifest.release_id}: {name} cannot be read ({error.strerror}); fetch it anew, or "
            "start without it"
        ) from error
    if found != promised:
        raise InvalidRelease(
            f"release {manifest.release_id}: {name} is corrupt, its SHA-256 is {found}, not {promised}; "
            "fetch it anew, or start without it"
        )
    return promised
