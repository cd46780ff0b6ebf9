"""Training of strategy `als`: sessions in, a servable model out, without a neural network.

Owns the hand-over from the factorization to a release. Caller: `retrain.training.training_run`.
"""

from collections.abc import Callable

import numpy as np

from models.als_config import AlsConfig
from models.als_encoder_export import als_encoder_spec, export_als_encoder
from models.als_fold_in import confidences, whitened
from models.model_config import ModelConfig
from models.servable_model import ServableModel
from models.trainable_weights import ITEM_MATRIX
from models.vocabulary import Vocabulary
from retrain.baselines.als_baseline import fit_item_factors
from retrain.training.sessionize import Sessions
from retrain.training.training_loop import TrainingProgress
from retrain.training.warm_start import WarmStart
from schemas.errors import UsageError


def train_als(
    sessions: Sessions,
    vocabulary: Vocabulary,
    config: ModelConfig,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
    start: WarmStart | None = None,
) -> ServableModel:
    """Factorize the sessions.

    Args:
        sessions: the training sessions.
        vocabulary: the items; the rows in `sessions` are its own.
        config: of strategy `als`; the same arguments give the same model on the same machine.
        progress: called after each iteration, an epoch here; its loss is the mean weighted squared error over
            all sessions and items.
        start: the factors to begin with, and for how many iterations; None: from scratch.

    Raises:
        UsageError: fewer than two items, or factors that are no numbers.
    """
    if len(vocabulary) < 2:
        raise UsageError(f"items to choose from: {len(vocabulary)}; the training data needs at least 2")
    als = _als_config(config if start is None else start.config)
    begun = None if start is None else start.members[0][ITEM_MATRIX]
    losses: list[float] = []

    def follow(iteration: int, seconds: float, loss: float) -> None:
        losses.append(loss)
        progress(_progress(len(sessions.item_rows), iteration + 1, als.iterations, seconds, loss))

    factors = fit_item_factors(sessions, len(vocabulary), als, follow, begun)
    if not np.isfinite(factors).all():
        raise UsageError("the training diverged: factors that are no numbers; raise als_regularization")
    return ServableModel(
        strategy="als",
        encoder=export_als_encoder(als.factors, confidences(als.alpha, als.decay, als.last_items)),
        spec=als_encoder_spec(als.factors, als.last_items),
        item_vectors=whitened(factors, als.regularization),
        embeddings=factors,
        metrics={"training_loss": losses[-1]},
        weights=[{ITEM_MATRIX: factors}],
    )


def _als_config(config: ModelConfig) -> AlsConfig:
    return AlsConfig(
        factors=config.als_factors,
        regularization=config.als_regularization,
        alpha=config.als_alpha,
        iterations=config.als_iterations,
        last_items=config.als_last_items,
        decay=config.als_decay,
        seed=config.seed,
    )


def _progress(events: int, epoch: int, epochs: int, seconds: float, loss: float) -> TrainingProgress:
    return TrainingProgress(
        epoch=epoch,
        epochs=epochs,
        events=epoch * events,
        total_events=epochs * events,
        loss=loss,
        events_per_s=events / max(seconds, 1e-9),
    )
