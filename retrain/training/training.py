"""Training: sessions in, a trained GRU4Rec out, of one network or several.

Owns what is refused before a training, whether members are trained one after the other or side by side, and
what becomes of their networks. Callers: `retrain.training.training_run`; tests.
"""

import hashlib
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from models.gru4rec_ensemble import Gru4RecEnsemble, ensemble_vectors
from models.model_config import ModelConfig
from models.trainable_weights import Weights
from models.vocabulary import Vocabulary
from retrain.training.member_processes import members_at_once, train_side_by_side
from retrain.training.member_progress import part_of_whole
from retrain.training.member_training import TrainingPlan, train_member
from retrain.training.session_parallel_batches import SessionParallelBatches
from retrain.training.sessionize import Sessions
from retrain.training.training_loop import TrainingProgress
from retrain.training.training_resources import (
    ONE_CORE,
    Resources,
    device_named,
    product_type_named,
)
from retrain.training.warm_start import WarmStart
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
    weights: tuple[Weights, ...]
    """Of each member, what a warm start begins with."""


def train(
    sessions: Sessions,
    vocabulary: Vocabulary,
    config: ModelConfig,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
    resources: Resources = ONE_CORE,
    clock: Callable[[], float] = time.perf_counter,
    start: WarmStart | None = None,
) -> TrainedModel:
    """Train a GRU4Rec.

    Args:
        sessions: in training order.
        vocabulary: the items; the rows in `sessions` are its own.
        config: the seed included: the same arguments give the same model on the same machine.
        progress: called about every 50 steps and at the end of each epoch.
        resources: what to use. With several threads and members this starts processes, so a script that
            calls it must do so under `if __name__ == "__main__"`.
        clock: seconds, for the speed in `progress` and the times of checkpoints; processes have their own.
        start: what the networks begin with, and for how long they are trained; None: from scratch.

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
    data_hash = _hash_of(sessions) if resources.checkpoint is not None else ""
    if start is not None:
        config = start.config
    plan = TrainingPlan(
        sessions,
        len(vocabulary),
        config,
        resources,
        device,
        product_type,
        data_hash=data_hash,
        initial=() if start is None else start.members,
        started_from=None if start is None else start.weights_hash,
    )
    at_once = members_at_once(config.members, resources.threads, device)
    if at_once > 1:
        members = train_side_by_side(plan, at_once, progress)
    else:
        members = [
            train_member(plan, place, batches, _as_part(progress, place, config.members), clock)
            for place in range(config.members)
        ]
    encoder = Gru4RecEnsemble([member.encoder for member in members])
    vectors = ensemble_vectors([member.vectors for member in members], encoder.shape)
    history = [
        part_of_whole(epoch, place, len(members))
        for place, member in enumerate(members)
        for epoch in member.history
    ]
    weights = tuple(member.weights for member in members)
    return TrainedModel(encoder.eval(), vectors, tuple(history), weights)


def _as_part(
    progress: Callable[[TrainingProgress], None], place: int, members: int
) -> Callable[[TrainingProgress], None]:
    return lambda own: progress(part_of_whole(own, place, members))


def _hash_of(sessions: Sessions) -> str:
    data = hashlib.sha256(sessions.item_rows.tobytes() + sessions.offsets.tobytes())
    if sessions.event_types is not None:
        data.update(sessions.event_types.tobytes())
    return data.hexdigest()
