"""Training: sessions in, a trained GRU4Rec out; the loop from top to bottom.

Owns the loop, its optimizer steps and its stop on a loss that is no number. Reads and writes no file.
Callers: `retrain.release_building`, `retrain.cli`.
"""

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from models.gru4rec import Gru4Rec, initial_item_matrix, sampled_cross_entropy
from models.model_config import ModelConfig
from models.vocabulary import Vocabulary
from retrain.negative_sampling import NegativeSampler
from retrain.row_adagrad import RowAdagrad
from retrain.session_parallel_batches import SessionParallelBatches, Step
from retrain.sessionize import Sessions
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
    """Mean cross-entropy an event in this epoch so far."""
    events_per_s: float
    """In this epoch so far."""


@dataclass(frozen=True, eq=False)
class TrainedModel:
    """What a training gives."""

    encoder: Gru4Rec
    """In evaluation mode."""
    item_matrix: NDArray[np.float32]
    """float32 [items, hidden_size + 1]; the last column is the bias."""
    history: tuple[TrainingProgress, ...]
    """The state at the end of each epoch."""


def train(
    sessions: Sessions,
    vocabulary: Vocabulary,
    config: ModelConfig,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
    threads: int = 1,
    clock: Callable[[], float] = time.perf_counter,
) -> TrainedModel:
    """Train a GRU4Rec.

    Args:
        sessions: in training order.
        vocabulary: the items; the rows in `sessions` are its own.
        config: the seed included: the same arguments give the same model on the same machine.
        progress: called about every 50 steps and at the end of each epoch.
        threads: of torch. The matrices are small: two are a fifth faster on idle cores,
            and far slower on busy ones.
        clock: seconds, for the speed in `progress`.

    Raises:
        UsageError: fewer than two items, no session of two events, or a loss that is no number any more.
    """
    if len(vocabulary) < 2:
        raise UsageError(f"items to choose from: {len(vocabulary)}; the training data needs at least 2")
    batches = SessionParallelBatches(sessions, config.batch_size)
    if batches.events == 0:
        raise UsageError(
            f"none of the {len(sessions)} training sessions has two events; a model learns from pairs"
        )
    with _torch_threads(threads), torch.random.fork_rng(devices=()):
        torch.manual_seed(config.seed)
        return _Training(batches, sessions, len(vocabulary), config).run(progress, clock)


class _Training:
    """The tables, weights and optimizers of one training."""

    def __init__(
        self, batches: SessionParallelBatches, sessions: Sessions, items: int, config: ModelConfig
    ) -> None:
        counts = np.bincount(sessions.item_rows, minlength=items)
        self._config = config
        self._batches = batches
        self._random = np.random.default_rng(config.seed)
        self._sampler = NegativeSampler(counts, config.sample_alpha)
        expected = batches.lanes * counts / counts.sum() + config.n_negatives * self._sampler.probabilities
        correction = config.logq * np.log(np.maximum(expected, np.finfo(np.float64).tiny))
        self._correction = torch.from_numpy(correction.astype(np.float32))
        self._encoder = Gru4Rec(config.hidden_size, config.embedding_dropout, config.hidden_dropout)
        self._item_matrix = initial_item_matrix(items, config.hidden_size)
        self._dense_optimizer = torch.optim.Adagrad(
            self._encoder.parameters(), lr=config.learning_rate, fused=True
        )
        self._row_optimizer = RowAdagrad(self._item_matrix, config.learning_rate)

    def run(self, progress: Callable[[TrainingProgress], None], clock: Callable[[], float]) -> TrainedModel:
        epochs = max(self._config.epochs, math.ceil(self._config.min_steps / len(self._batches)))
        history = []
        for epoch in range(1, epochs + 1):
            for report in self._epoch(epoch, epochs, clock):
                progress(report)
            history.append(report)
        return TrainedModel(self._encoder.eval(), self._item_matrix.numpy(), tuple(history))

    def _epoch(self, epoch: int, epochs: int, clock: Callable[[], float]) -> Iterator[TrainingProgress]:
        state = torch.zeros(self._batches.lanes, self._config.hidden_size)
        started, events, loss_sum = clock(), 0, 0.0
        for number, step in enumerate(self._batches, start=1):
            loss, state = self._step(step, state)
            events += len(step.inputs)
            loss_sum += loss
            if not math.isfinite(loss):
                raise UsageError(
                    f"the training diverged: the loss is {loss} at step {number} of epoch {epoch}; "
                    f"lower learning_rate ({self._config.learning_rate})"
                )
            if number % _REPORT_EVERY == 0 or number == len(self._batches):
                yield TrainingProgress(
                    epoch=epoch,
                    epochs=epochs,
                    events=(epoch - 1) * self._batches.events + events,
                    total_events=epochs * self._batches.events,
                    loss=loss_sum / events,
                    events_per_s=events / max(clock() - started, 1e-9),
                )

    def _step(self, step: Step, state: Tensor) -> tuple[float, Tensor]:
        """Train one event of each lane; no gradient flows back to earlier events, as in the papers."""
        lanes = len(step.inputs)
        negatives = self._sampler.draw(self._config.n_negatives, self._random)
        touched, places = np.unique(
            np.concatenate([step.inputs, step.targets, negatives]), return_inverse=True
        )
        rows, at = torch.from_numpy(touched), torch.from_numpy(places)
        vectors = self._item_matrix.index_select(0, rows).requires_grad_()
        before = state[:lanes] * torch.from_numpy(~step.starts)[:, None]
        query, after = self._encoder(functional.embedding(at[:lanes], vectors), before)
        candidates = at[lanes:]
        loss = sampled_cross_entropy(
            query, functional.embedding(candidates, vectors), candidates, self._correction[rows[candidates]]
        )
        self._dense_optimizer.zero_grad()
        (loss / self._batches.lanes).backward()  # type: ignore[no-untyped-call]
        assert vectors.grad is not None
        self._dense_optimizer.step()
        self._row_optimizer.step(rows, vectors.grad)
        return loss.item(), after.detach()


@contextmanager
def _torch_threads(threads: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        yield
    finally:
        torch.set_num_threads(before)
