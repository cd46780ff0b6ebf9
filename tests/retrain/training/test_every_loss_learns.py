"""Every loss learns a planted cycle, in which the next item is certain, to Recall@1 of at least .99."""

from typing import Any, get_args

import numpy as np
import pytest
import torch

from models.losses import LOSSES
from models.model_config import LossName, ModelConfig
from models.vocabulary import Vocabulary
from retrain.training.session_parallel_batches import SessionParallelBatches
from retrain.training.sessionize import Sessions, build_vocabulary, sessionize
from retrain.training.training import TrainedModel, train
from tests.retrain.planted_sessions import cycle_events

ITEMS = 12
FLOOR = 0.99


def cycle_of(seed: int) -> tuple[Sessions, Vocabulary]:
    vocabulary = build_vocabulary(cycle_events(items=ITEMS))
    return sessionize(cycle_events(items=ITEMS, seed=seed), vocabulary, 0), vocabulary


def trained(**fields: Any) -> TrainedModel:
    """A small model of random initial embeddings after about 150 steps."""
    config = ModelConfig(
        hidden_size=16,
        initial_embeddings="random",
        epochs=6,
        min_steps=0,
        batch_size=32,
        n_negatives=16,
        hidden_dropout=0,
        **({"cosine_scale": 0, "learning_rate": 0.2, "bpreg": 0.5} | fields),
    )
    return train(*cycle_of(seed=3), config)


def recall_at_1(model: TrainedModel) -> float:
    """Of every prefix of sessions that were not trained on."""
    sessions, _ = cycle_of(seed=4)
    hits = []
    batches = SessionParallelBatches(sessions, batch_size=len(sessions))
    vectors, shape = torch.from_numpy(model.item_matrix), model.encoder.shape
    state = torch.zeros(batches.lanes, shape.state_size)
    for step in batches.steps(0):
        before = state[: len(step.inputs)] * torch.from_numpy(~step.starts)[:, None]
        read = vectors[torch.from_numpy(step.inputs)]
        with torch.no_grad():
            query, state = model.encoder(read, torch.from_numpy(step.event_types), before)
        best = (query @ vectors[:, -shape.index_dim :].T).argmax(dim=1)
        hits.append(best.numpy() == step.targets)
    return float(np.concatenate(hits).mean())


@pytest.mark.parametrize("tied", [True, False], ids=["tied", "separate"])
@pytest.mark.parametrize("loss", get_args(LossName))
def test_cycle_is_learned_with_tied_and_separate_embeddings(loss: str, tied: bool) -> None:
    assert recall_at_1(trained(loss=loss, tied_embeddings=tied)) >= FLOOR


@pytest.mark.parametrize(
    "fields",
    [
        {"loss": "bpr_max", "final_activation": "elu-0.5"},
        {"loss": "bpr_max", "final_activation": "elu", "elu_param": 1.0},
        {"loss": "top1", "final_activation": "tanh"},
        {"loss": "top1_max", "final_activation": "tanh"},
        {"loss": "cross_entropy", "final_activation": "leaky-0.2"},
        {"loss": "cross_entropy", "label_smoothing": 0.1},
        {"loss": "cross_entropy", "cosine_scale": 16},
        {"loss": "cross_entropy", "layers": 2},
        {"loss": "bpr_max", "learning_rate_schedule": "cosine", "warm_up": 0.1, "momentum": 0.2},
    ],
    ids=lambda fields: ", ".join(f"{name}={value}" for name, value in fields.items()),
)
def test_cycle_is_learned_with_options(fields: dict[str, Any]) -> None:
    assert recall_at_1(trained(**fields)) >= FLOOR


def test_untrained_model_does_not_pass() -> None:
    assert recall_at_1(trained(learning_rate=1e-6)) < 0.5


def test_every_loss_has_a_name_in_the_model_config() -> None:
    assert set(get_args(LossName)) == set(LOSSES)
