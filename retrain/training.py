"""Training: sessions in, a trained GRU4Rec out; the loop from top to bottom.

Owns the loop, its checkpoints and its stop on a loss that is no number. Callers: `retrain.training_run`,
`retrain.bench_train`.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
import torch
from numpy.typing import NDArray

from models.gru4rec import Gru4Rec
from models.gru4rec_ensemble import Gru4RecEnsemble, ensemble_vectors
from models.model_config import ModelConfig
from models.vocabulary import Vocabulary
from retrain.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from retrain.learning_rates import learning_rate_factor
from retrain.negative_sampling import NegativeSampler, StepNegatives
from retrain.session_parallel_batches import SessionParallelBatches
from retrain.sessionize import Sessions
from retrain.training_resources import (
    ONE_CORE,
    Resources,
    device_named,
    product_type_named,
    torch_settings,
)
from retrain.training_state import TrainingState
from schemas.errors import UsageError

_REPORT_EVERY = 50
"""Steps between two calls of the progress callback."""


@dataclass(frozen=True)
class TrainingProgress:
    """How far the training is."""

    epoch: int
    """From 1."""
    epochs: int
    events: int
    """Trained so far, in all epochs."""
    total_events: int
    """To be trained, in all epochs."""
    loss: float
    """Mean loss an event in this epoch so far."""
    events_per_s: float
    """In this epoch so far, since the start or the resumption."""


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
    members: list[_Member] = []
    for place in range(config.members):
        with torch_settings(resources.threads, device):
            own = member_config(config, place)
            torch.manual_seed(own.seed)
            training = _Training(sessions, len(vocabulary), own, batches, device, product_type)
            if resources.checkpoint is not None:
                path = member_checkpoint(resources.checkpoint, place)
                training.keep(path, resources.checkpoint_every_s, _made_from(sessions, own))
            members.append(training.run(_of_all_members(progress, place, config.members), clock))
    encoder = Gru4RecEnsemble([member.encoder for member in members])
    vectors = ensemble_vectors([member.vectors for member in members], encoder.shape)
    history = [report for member in members for report in member.history]
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


def _of_all_members(
    progress: Callable[[TrainingProgress], None], place: int, members: int
) -> Callable[[TrainingProgress], TrainingProgress]:
    """Report a member's progress as that of the whole training; gives what was reported."""

    def report(own: TrainingProgress) -> TrainingProgress:
        whole = replace(
            own,
            epoch=place * own.epochs + own.epoch,
            epochs=members * own.epochs,
            events=place * own.total_events + own.events,
            total_events=members * own.total_events,
        )
        progress(whole)
        return whole

    return report


class _Member(NamedTuple):
    """One trained network."""

    encoder: Gru4Rec
    vectors: NDArray[np.float32]
    history: list[TrainingProgress]


class _Training:
    """The loop: which step is next, and what was seen on the way."""

    def __init__(
        self,
        sessions: Sessions,
        items: int,
        config: ModelConfig,
        batches: SessionParallelBatches,
        device: torch.device,
        product_type: torch.dtype,
    ) -> None:
        counts = np.bincount(sessions.item_rows, minlength=items)
        sampler = NegativeSampler(counts, config.sample_alpha)
        self._config = config
        self._batches = batches
        self._negatives = StepNegatives(sampler, config.n_negatives, config.seed)
        correction = _candidate_log_probability(counts, sampler, batches.lanes, config)
        self._state = TrainingState(sessions, batches.lanes, correction, config, device, product_type)
        self._epochs = max(config.epochs, math.ceil(config.min_steps / len(batches)))
        self._history: list[TrainingProgress] = []
        self._epoch, self._step, self._events, self._loss_sum = 1, 0, 0, 0.0
        self._checkpoint: Path | None = None
        self._checkpoint_every_s = 0.0
        self._made_from: dict[str, Any] = {}

    def keep(self, checkpoint: Path, every_s: float, made_from: dict[str, Any]) -> None:
        """Write checkpoints; go on from the one that is there."""
        self._checkpoint, self._checkpoint_every_s, self._made_from = checkpoint, every_s, made_from
        if not checkpoint.exists():
            return
        found = load_checkpoint(checkpoint, made_from)
        self._state.restore(found.arrays)
        self._epoch, self._step = found.epoch, found.step
        self._events, self._loss_sum = found.state["events"], found.state["loss_sum"]
        self._history = [TrainingProgress(**epoch) for epoch in found.state["history"]]

    def run(
        self, progress: Callable[[TrainingProgress], TrainingProgress], clock: Callable[[], float]
    ) -> _Member:
        saved_at = clock()
        while self._epoch <= self._epochs:
            for report in self._run_epoch(clock):
                reported = progress(report)
                if self._step == len(self._batches):
                    self._history.append(reported)
                if self._checkpoint and clock() - saved_at >= self._checkpoint_every_s:
                    self._save(self._checkpoint)
                    saved_at = clock()
            self._epoch, self._step, self._events, self._loss_sum = self._epoch + 1, 0, 0, 0.0
            self._state.restart_lanes()
        if self._checkpoint:
            self._save(self._checkpoint)
        return _Member(self._state.encoder.cpu(), self._state.served_vectors(), self._history)

    def _run_epoch(self, clock: Callable[[], float]) -> Iterator[TrainingProgress]:
        """Train what is left of the epoch."""
        started, events_before = clock(), self._events
        for step in self._batches.steps(self._step):
            made = (self._epoch - 1) * len(self._batches) + self._step
            loss = self._state.step(step, self._negatives.at(made), self._learning_rate(made))
            self._step += 1
            self._events += len(step.inputs)
            self._loss_sum += loss
            if not math.isfinite(loss):
                raise UsageError(
                    f"the training diverged: the loss is {loss} at step {self._step} of epoch {self._epoch}; "
                    f"lower learning_rate ({self._config.learning_rate})"
                )
            if self._step % _REPORT_EVERY == 0 or self._step == len(self._batches):
                yield self._report((self._events - events_before) / max(clock() - started, 1e-9))

    def _learning_rate(self, steps_made: int) -> float:
        config = self._config
        progress = (steps_made + 1) / (self._epochs * len(self._batches))
        return config.learning_rate * learning_rate_factor(
            config.learning_rate_schedule, progress, config.warm_up, config.final_learning_rate
        )

    def _report(self, events_per_s: float) -> TrainingProgress:
        return TrainingProgress(
            epoch=self._epoch,
            epochs=self._epochs,
            events=(self._epoch - 1) * self._batches.events + self._events,
            total_events=self._epochs * self._batches.events,
            loss=self._loss_sum / self._events,
            events_per_s=events_per_s,
        )

    def _save(self, path: Path) -> None:
        if self._step == len(self._batches):
            return  # the epoch is complete; the next report is in the next one
        history = [asdict(epoch) for epoch in self._history]
        state = {"events": self._events, "loss_sum": self._loss_sum, "history": history}
        checkpoint = Checkpoint(self._made_from, self._epoch, self._step, self._state.arrays(), state)
        save_checkpoint(path, checkpoint)


def _candidate_log_probability(
    counts: NDArray[np.int64], sampler: NegativeSampler, lanes: int, config: ModelConfig
) -> NDArray[np.float32]:
    """The logQ correction: how probable it is that an item is a candidate of a step, float32 [items].

    An item is expected lanes * share of events + negatives * share of draws times, and is a candidate once
    however often it comes: with probability 1 - exp(-expected). Without the correction popular items are
    pushed down for being candidates often (Bengio & Senécal 2008).
    """
    expected = lanes * counts / counts.sum() + config.n_negatives * sampler.probabilities
    probability = -np.expm1(-np.maximum(expected, np.finfo(np.float64).tiny))
    strength = config.logq if config.loss == "cross_entropy" else 0.0
    return np.asarray(strength * np.log(probability), dtype=np.float32)


def _made_from(sessions: Sessions, config: ModelConfig) -> dict[str, Any]:
    """What must be equal for a training to go on."""
    data = hashlib.sha256(sessions.item_rows.tobytes() + sessions.offsets.tobytes())
    if sessions.event_types is not None:
        data.update(sessions.event_types.tobytes())
    versions = {name: version(name) for name in ("millrace", "torch", "numpy")}
    return {"config": msgspec.to_builtins(config), "data": data.hexdigest(), "versions": versions}
