"""Training: sessions in, a trained GRU4Rec out, of one network or several.

Owns what is refused before a training, and the members of an ensemble. The loop of each is
`retrain.training.training_loop`. Callers: `retrain.training.training_run`; tests.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from models.gru4rec_ensemble import Gru4RecEnsemble, ensemble_vectors
from models.model_config import ModelConfig
from models.vocabulary import Vocabulary
from retrain.training.session_parallel_batches import SessionParallelBatches
from retrain.training.sessionize import Sessions
from retrain.training.training_loop import TrainedNetwork, TrainingLoop, TrainingProgress
from retrain.training.training_resources import (
    ONE_CORE,
    Resources,
    device_named,
    product_type_named,
    torch_settings,
)
from schemas.errors import UsageError


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """What a training gives."""

    encoder: Gru4RecEnsemble
    """In evaluation mode, on the CPU."""
    item_matrix: NDArray[np.float32]
    """float32 [items, item_dim], as the encoder reads it and the index searches it; the last column is the
    bias."""
    history: tuple[TrainingProgress, ...]
    """The state at the end of each epoch, member after member."""


def train(
    sessions: Sessions,
    vocabulary: Vocabulary,
    config: ModelConfig,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
    resources: Resources = ONE_CORE,
    clock: Callable[[], float] = time.perf_counter,
) -> TrainedModel:
    """Train a GRU4Rec.

    Args:
        sessions: in training order.
        vocabulary: the items; the rows in `sessions` are its own.
        config: the seed included: the same arguments give the same model on the same machine.
        progress: called about every 50 steps and at the end of each epoch.
        resources: what to use.
        clock: seconds, for the speed in `progress` and the times of checkpoints.

    Raises:
        UsageError: fewer than two items, no session of two events, a loss that is no number any more, a
            device that is not there, or a checkpoint of another training.
    """
    if len(vocabulary) < 2:
        raise UsageError(f"items to choose from: {len(vocabulary)}; the training data needs at least 2")
    batches = SessionParallelBatches(sessions, config.batch_size)
    if batches.events == 0:
        raise UsageError(
            f"none of the {len(sessions)} training sessions has two events; a model learns from pairs"
        )
    device = device_named(resources.device)
    product_type = product_type_named(resources.precision, device)
    data = _hash_of(sessions) if resources.checkpoint is not None else ""
    members: list[TrainedNetwork] = []
    for place in range(config.members):
        with torch_settings(resources.threads, device):
            own = member_config(config, place)
            torch.manual_seed(own.seed)
            training = TrainingLoop(sessions, len(vocabulary), own, batches, device, product_type)
            if resources.checkpoint is not None:
                path = member_checkpoint(resources.checkpoint, place)
                training.keep(path, resources.checkpoint_every_s, _made_from(data, own, product_type, device))
            members.append(training.run(_as_part(progress, place, config.members), clock))
    encoder = Gru4RecEnsemble([member.encoder for member in members])
    vectors = ensemble_vectors([member.vectors for member in members], encoder.shape)
    history = [
        part_of_whole(epoch, place, len(members))
        for place, member in enumerate(members)
        for epoch in member.history
    ]
    return TrainedModel(encoder.eval(), vectors, tuple(history))


def member_config(config: ModelConfig, place: int) -> ModelConfig:
    """The config of one member of an ensemble: the first one's is that of a model alone."""
    if place == 0:
        return msgspec.structs.replace(config, members=1)
    (seed,) = np.random.SeedSequence(config.seed, spawn_key=(place,)).generate_state(1)
    return msgspec.structs.replace(config, members=1, seed=int(seed))


def member_checkpoint(path: Path, place: int) -> Path:
    """The checkpoint of one member: the given file, and others beside it."""
    return path if place == 0 else path.with_name(f"{path.name}.{place}")


def part_of_whole(own: TrainingProgress, place: int, members: int) -> TrainingProgress:
    """A member's progress as that of a training in which one follows the other."""
    return replace(
        own,
        epoch=place * own.epochs + own.epoch,
        epochs=members * own.epochs,
        events=place * own.total_events + own.events,
        total_events=members * own.total_events,
    )


def _as_part(
    progress: Callable[[TrainingProgress], None], place: int, members: int
) -> Callable[[TrainingProgress], None]:
    return lambda own: progress(part_of_whole(own, place, members))


def _hash_of(sessions: Sessions) -> str:
    data = hashlib.sha256(sessions.item_rows.tobytes() + sessions.offsets.tobytes())
    if sessions.event_types is not None:
        data.update(sessions.event_types.tobytes())
    return data.hexdigest()


def _made_from(
    data: str, config: ModelConfig, product_type: torch.dtype, device: torch.device
) -> dict[str, Any]:
    """What must be equal for a training to go on."""
    versions = {name: version(name) for name in ("millrace", "torch", "numpy")}
    return {
        "config": msgspec.to_builtins(config),
        "data": data,
        "versions": versions,
        "precision": str(product_type).removeprefix("torch."),
        "device": device.type,
    }
