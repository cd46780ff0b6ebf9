"""Every loss learns a planted cycle, in which the next item is certain, to Recall@1 of at least .99."""

import numpy as np
import pytest
import torch

from models.gru4rec import Gru4Rec, initial_item_matrix
from models.losses import LOSSES, loss_named
from models.score_activations import score_activation
from retrain.session_parallel_batches import SessionParallelBatches
from retrain.sessionize import Sessions, build_vocabulary, sessionize
from tests.retrain.planted_sessions import cycle_events

ITEMS = 12
FLOOR = 0.99


def cycle_sessions(seed: int) -> Sessions:
    events = cycle_events(items=ITEMS, seed=seed)
    return sessionize(events, build_vocabulary(cycle_events(items=ITEMS)), 0)


def train_on_cycle(loss_name: str, activation_name: str) -> tuple[Gru4Rec, torch.Tensor]:
    """Six epochs, about 150 steps, over all items as candidates, by Adagrad."""
    torch.manual_seed(1)
    loss, activation = loss_named(loss_name, bpreg=0.5), score_activation(activation_name, 0.5)
    encoder, matrix = Gru4Rec(16), initial_item_matrix(ITEMS, 16).requires_grad_()
    optimizer = torch.optim.Adagrad([matrix, *encoder.parameters()], lr=0.2)
    batches = SessionParallelBatches(cycle_sessions(seed=3), batch_size=32)
    for _ in range(6):
        state = torch.zeros(batches.lanes, 16)
        for step in batches:
            lanes = len(step.inputs)
            targets = torch.from_numpy(step.targets)
            before = state[:lanes] * torch.from_numpy(~step.starts)[:, None]
            query, after = encoder(matrix[torch.from_numpy(step.inputs)], before)
            scores = activation(query @ matrix.T)
            optimizer.zero_grad()
            allowed = torch.arange(ITEMS) != targets[:, None]
            value = loss(scores[torch.arange(lanes), targets], scores, allowed) / lanes
            value.backward()  # type: ignore[no-untyped-call]
            optimizer.step()
            state = after.detach()
    return encoder.eval(), matrix.detach()


def recall_at_1(encoder: Gru4Rec, matrix: torch.Tensor, sessions: Sessions) -> float:
    hits = []
    batches = SessionParallelBatches(sessions, batch_size=len(sessions))
    state = torch.zeros(batches.lanes, 16)
    for step in batches:
        lanes = len(step.inputs)
        before = state[:lanes] * torch.from_numpy(~step.starts)[:, None]
        with torch.no_grad():
            query, state = encoder(matrix[torch.from_numpy(step.inputs)], before)
        hits.append((query @ matrix.T).argmax(dim=1).numpy() == step.targets)
    return float(np.concatenate(hits).mean())


@pytest.mark.parametrize(
    ("loss", "activation"),
    [*((loss, "linear") for loss in LOSSES), ("bpr_max", "elu"), ("top1", "tanh"), ("top1_max", "tanh")],
)
def test_cycle_is_learned(loss: str, activation: str) -> None:
    encoder, matrix = train_on_cycle(loss, activation)
    assert recall_at_1(encoder, matrix, cycle_sessions(seed=4)) >= FLOOR


def test_untrained_model_does_not_pass() -> None:
    torch.manual_seed(1)
    untrained = Gru4Rec(16).eval(), initial_item_matrix(ITEMS, 16)
    assert recall_at_1(*untrained, cycle_sessions(seed=4)) < 0.5
