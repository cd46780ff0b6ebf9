"""The training of one member: its config and seed, its checkpoint, its network.

Owns what tells the members of a training apart. Not owned: the loop (`retrain.training.training_loop`), and
in which process and when a member is trained. Callers: `retrain.training.training`,
`retrain.training.member_processes`; `retrain.training.training_run` removes the checkpoints.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import torch

from models.model_config import ModelConfig
from models.trainable_weights import Weights
from retrain.training.session_parallel_batches import SessionParallelBatches
from retrain.training.sessionize import Sessions
from retrain.training.training_loop import TrainedNetwork, TrainingLoop, TrainingProgress
from retrain.training.training_resources import Resources, torch_settings


@dataclass(frozen=True, eq=False)
class TrainingPlan:
    """What all members of a training have in common; it can be sent to another process."""

    sessions: Sessions
    items: int
    config: ModelConfig
    """Of the whole."""
    resources: Resources
    """Of one member."""
    device: torch.device
    product_type: torch.dtype
    data_hash: str
    """Of the sessions, for checkpoints; empty without them."""
    initial: Sequence[Weights] = ()
    """What each member begins with; none: drawn at random."""
    started_from: str | None = None
    """What the first weights were made of, for checkpoints; None where they are drawn."""


def train_member(
    plan: TrainingPlan,
    place: int,
    batches: SessionParallelBatches,
    progress: Callable[[TrainingProgress], None],
    clock: Callable[[], float],
) -> TrainedNetwork:
    """Train one network.

    Args:
        plan: of the training.
        place: of the member, from 0.
        batches: of the plan's sessions.
        progress: called with this member's own progress; see `TrainingLoop.run`.
        clock: seconds.

    Raises:
        UsageError: the loss is no number any more, or the checkpoint is of another training.
    """
    own, resources = member_config(plan.config, place), plan.resources
    with torch_settings(resources.threads, plan.device):
        torch.manual_seed(own.seed)
        initial = plan.initial[place] if plan.initial else None
        training = TrainingLoop(
            plan.sessions, plan.items, own, batches, plan.device, plan.product_type, initial
        )
        if resources.checkpoint is not None:
            path = member_checkpoint(resources.checkpoint, place)
            training.keep(path, resources.checkpoint_every_s, _made_from(plan, own))
        return training.run(progress, clock)


def member_config(config: ModelConfig, place: int) -> ModelConfig:
    """The config of one member of an ensemble: the first one's is that of a model alone."""
    if place == 0:
        return msgspec.structs.replace(config, members=1)
    (seed,) = np.random.SeedSequence(config.seed, spawn_key=(place,)).generate_state(1)
    return msgspec.structs.replace(config, members=1, seed=int(seed))


def member_checkpoint(path: Path, place: int) -> Path:
    """The checkpoint of one member: the given file, and others beside it."""
    return path if place == 0 else path.with_name(f"{path.name}.{place}")


def _made_from(plan: TrainingPlan, config: ModelConfig) -> dict[str, Any]:
    """What must be equal for a training to go on."""
    versions = {name: version(name) for name in ("millrace", "torch", "numpy")}
    return {
        "config": msgspec.to_builtins(config),
        "data": plan.data_hash,
        "versions": versions,
        "precision": str(plan.product_type).removeprefix("torch."),
        "device": plan.device.type,
        "warm_start": plan.started_from,
    }
