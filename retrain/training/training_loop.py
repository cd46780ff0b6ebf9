"""The training loop of one network: which step is next, and what was seen on the way, from top to bottom.

Owns the loop, its checkpoints and its stop on a loss that is no number. Not owned: what a step changes
(`retrain.training.training_state`). Caller: `retrain.training.training`.
"""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from models.gru4rec import Gru4Rec
from models.model_config import ModelConfig
from models.repeat_bias import RECENCIES
from models.trainable_weights import Weights
from retrain.training.checkpoints import Checkpoint, load_checkpoint, save_checkpoint
from retrain.training.initial_network import encoder_shape
from retrain.training.learning_rates import learning_rate_factor
from retrain.training.negative_sampling import NegativeSampler, StepNegatives
from retrain.training.session_parallel_batches import SessionParallelBatches
from retrain.training.sessionize import Sessions
from retrain.training.training_state import TrainingState
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


class TrainedNetwork(NamedTuple):
    """One trained network."""

    encoder: Gru4Rec
    vectors: NDArray[np.float32]
    history: list[TrainingProgress]
    """The state at the end of each epoch."""
    weights: Weights
    """What a warm start begins with."""


class TrainingLoop:
    """The epochs and steps of one network."""

    def __init__(
        self,
        sessions: Sessions,
        items: int,
        config: ModelConfig,
        batches: SessionParallelBatches,
        device: torch.device,
        product_type: torch.dtype,
        initial: Weights | None = None,
    ) -> None:
        counts = np.bincount(sessions.item_rows, minlength=items)
        sampler = NegativeSampler(counts, config.sample_alpha)
        self._config = config
        self._batches = batches
        self._negatives = StepNegatives(sampler, config.n_negatives, config.seed)
        remembered = _mean_remembered(sessions) if encoder_shape(config, sessions).repeat_bias else 0
        in_batch = batches.lanes * (1 + remembered)
        correction = _candidate_log_probability(counts, sampler, in_batch, config)
        self._state = TrainingState(
            sessions, batches.lanes, correction, config, device, product_type, initial
        )
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

    def run(self, progress: Callable[[TrainingProgress], None], clock: Callable[[], float]) -> TrainedNetwork:
        """Train what is left.

        Args:
            progress: called about every 50 steps and at the end of each epoch.
            clock: seconds.

        Raises:
            UsageError: a loss is no number, or a checkpoint cannot be written.
        """
        saved_at = clock()
        while self._epoch <= self._epochs:
            for report in self._run_epoch(clock):
                progress(report)
                if self._step == len(self._batches):
                    self._history.append(report)
                    self._begin_epoch()
                if self._checkpoint and clock() - saved_at >= self._checkpoint_every_s:
                    self._save(self._checkpoint)
                    saved_at = clock()
        if self._checkpoint:
            self._save(self._checkpoint)
        vectors, weights = self._state.served_vectors(), self._state.weights()
        return TrainedNetwork(self._state.encoder.cpu(), vectors, self._history, weights)

    def _begin_epoch(self) -> None:
        self._epoch, self._step, self._events, self._loss_sum = self._epoch + 1, 0, 0, 0.0
        self._state.restart_lanes()

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
        history = [asdict(epoch) for epoch in self._history]
        state = {"events": self._events, "loss_sum": self._loss_sum, "history": history}
        checkpoint = Checkpoint(self._made_from, self._epoch, self._step, self._state.arrays(), state)
        save_checkpoint(path, checkpoint)


def _candidate_log_probability(
    counts: NDArray[np.int64], sampler: NegativeSampler, in_batch: float, config: ModelConfig
) -> NDArray[np.float32]:
    """The logQ correction: how probable it is that an item is a candidate of a step, float32 [items].

    An item is expected in-batch candidates * share of events + negatives * share of draws times, and is a
    candidate once however often it comes: with probability 1 - exp(-expected). Without the correction
    popular items are pushed down for being candidates often (Bengio & Senécal 2008).
    """
    expected = in_batch * counts / counts.sum() + config.n_negatives * sampler.probabilities
    probability = -np.expm1(-np.maximum(expected, np.finfo(np.float64).tiny))
    strength = config.logq if config.loss == "cross_entropy" else 0.0
    return np.asarray(strength * np.log(probability), dtype=np.float32)


def _mean_remembered(sessions: Sessions) -> float:
    """How many of its last items a session has on average at a prediction, repeats counted."""
    inputs = np.maximum(np.diff(sessions.offsets) - 1, 0)
    few = np.minimum(inputs, RECENCIES)
    return float((few * (few + 1) / 2 + RECENCIES * (inputs - few)).sum() / inputs.sum())
