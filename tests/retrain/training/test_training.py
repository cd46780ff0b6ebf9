"""Training: known answers on planted data, the same seed the same model, small data, a loud stop."""

from itertools import count

import numpy as np
import pytest
import torch
from msgspec.structs import replace

from models.gru4rec import EncoderShape
from models.model_config import ModelConfig
from models.repeat_bias import bias_cases, last_items
from models.vocabulary import Vocabulary
from retrain.training.sessionize import Sessions, build_vocabulary, sessionize
from retrain.training.training import TrainedModel, train
from retrain.training.training_loop import TrainingProgress
from retrain.training.training_resources import Resources
from schemas.errors import UsageError
from schemas.ids import ItemId
from tests.retrain.planted_sessions import ring_events

SMALL = ModelConfig(hidden_size=16, epochs=3, min_steps=300, batch_size=16, n_negatives=8)


def train_on_rings(config: ModelConfig = SMALL) -> tuple[TrainedModel, Vocabulary]:
    events = ring_events(noise=0)
    vocabulary = build_vocabulary(events)
    return train(sessionize(events, vocabulary, 0), vocabulary, config), vocabulary


def sessions_of(*sessions: list[int]) -> Sessions:
    rows = [row for session in sessions for row in session]
    offsets = np.concatenate([[0], np.cumsum([len(session) for session in sessions])]).astype(np.int64)
    return Sessions(np.array(rows, dtype=np.int32), offsets)


def a_vocabulary(items: int) -> Vocabulary:
    return Vocabulary([ItemId(str(item)) for item in range(items)])


def test_next_item_of_every_ring_is_learned() -> None:
    model, vocabulary = train_on_rings()
    vectors = torch.from_numpy(model.item_matrix)
    with torch.no_grad():
        types = torch.zeros(len(vectors), dtype=torch.long)
        query, _ = model.encoder(vectors, types, torch.zeros(len(vectors), 16))
    table = model.encoder.repeat_bias()
    assert table is not None
    of_the_last = table.ravel()[bias_cases(last_items([[row] for row in range(len(vectors))]))[:, 0]]
    best = (query @ vectors.T + torch.diag(torch.from_numpy(of_the_last))).argmax(dim=1)
    for row, item_id in enumerate(vocabulary.item_ids):
        ring, place = item_id.split("-")
        assert vocabulary.item_id(int(best[row])) == f"{ring}-{(int(place) + 1) % 8}"


def test_what_never_comes_again_is_pushed_down_and_what_does_is_not() -> None:
    never = sessions_of(*([start, start + 1, start + 2] for start in range(12)))
    again = sessions_of(*([start, start + 1, start] for start in range(12)))
    biases = []
    for sessions in (never, again):
        table = train(sessions, a_vocabulary(14), SMALL).encoder.repeat_bias()
        assert table is not None
        biases.append(table.ravel()[bias_cases(last_items([[3, 4]]))[0]])
    assert biases[0][0] < 0 > biases[0][1]
    assert biases[1][0] < 0 < biases[1][1]


def test_a_model_may_have_no_repeat_bias() -> None:
    model, _ = train_on_rings(replace(SMALL, epochs=1, min_steps=0, repeat_bias="off"))
    assert model.encoder.repeat_bias() is None


def test_same_seed_gives_the_same_model_and_another_seed_another() -> None:
    matrices = []
    for seed in (1, 1, 2):
        torch.rand(3)  # what others draw does not matter
        config = ModelConfig(
            hidden_size=8, epochs=1, min_steps=0, batch_size=16, hidden_dropout=0.5, seed=seed
        )
        matrices.append(train_on_rings(config)[0].item_matrix)
    np.testing.assert_array_equal(matrices[0], matrices[1])
    assert not np.array_equal(matrices[0], matrices[2])


def test_first_member_of_an_ensemble_is_the_model_alone_and_the_others_differ() -> None:
    alone, _ = train_on_rings(replace(SMALL, epochs=1, min_steps=0))
    pair, _ = train_on_rings(replace(SMALL, epochs=1, min_steps=0, members=2))
    first, second = pair.item_matrix[:, :16], pair.item_matrix[:, 16:32]
    np.testing.assert_array_equal(first, alone.item_matrix[:, :16])
    assert not np.array_equal(first, second)
    assert pair.item_matrix.shape == (len(first), 33)
    assert [report.epoch for report in pair.history] == [1, 2]
    assert pair.history[-1].events == pair.history[-1].total_events


def test_training_leaves_torch_threads_and_generator_as_they_were() -> None:
    threads, state = torch.get_num_threads(), torch.get_rng_state()
    train(sessions_of([0, 1]), a_vocabulary(2), SMALL)
    assert torch.get_num_threads() == threads
    assert torch.equal(torch.get_rng_state(), state)


def test_loss_falls_and_every_epoch_is_reported() -> None:
    reports: list[TrainingProgress] = []
    events = ring_events()
    vocabulary = build_vocabulary(events)
    seconds = count()
    model = train(
        sessionize(events, vocabulary, 0),
        vocabulary,
        SMALL,
        reports.append,
        clock=lambda: float(next(seconds)),
    )
    per_epoch = reports[-1].total_events // reports[-1].epochs
    assert model.history == tuple(report for report in reports if report.events % per_epoch == 0)
    assert [report.epoch for report in model.history] == list(range(1, len(model.history) + 1))
    assert model.history[-1].events == model.history[-1].total_events
    assert model.history[-1].loss < 0.8 * model.history[0].loss
    assert model.history[0].events_per_s > 0


def test_small_data_gets_epochs_until_the_least_steps_are_made() -> None:
    config = ModelConfig(hidden_size=4, epochs=2, min_steps=10)
    model = train(sessions_of([0, 1, 0], [1, 0], [0, 1, 1]), a_vocabulary(2), config)
    assert len(model.history) == 5


def test_fewer_items_than_negatives_train_to_finite_vectors() -> None:
    model = train(sessions_of([0, 1], [1, 0], [0, 1]), a_vocabulary(2), ModelConfig(min_steps=100))
    assert np.isfinite(model.item_matrix).all()
    assert model.item_matrix.shape == (2, 101)
    assert model.item_matrix.dtype == np.float32


def test_training_without_drawn_negatives_uses_the_batch() -> None:
    config = ModelConfig(hidden_size=4, n_negatives=0, min_steps=20)
    model = train(sessions_of([0, 1], [1, 2], [2, 0]), a_vocabulary(3), config)
    assert model.history[-1].loss < model.history[0].loss


def test_items_without_an_event_stay_finite() -> None:
    model = train(sessions_of([0, 1]), a_vocabulary(3), ModelConfig(sample_alpha=0, min_steps=5))
    assert np.isfinite(model.item_matrix).all()


def test_divergence_stops_with_step_and_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    def poisoned(items: int, shape: EncoderShape) -> torch.Tensor:
        return torch.full((items, shape.item_dim), torch.nan)

    monkeypatch.setattr("retrain.training.initial_network.initial_item_matrix", poisoned)
    config = ModelConfig(hidden_size=4, initial_embeddings="random")
    with pytest.raises(
        UsageError, match=r"the loss is nan at step 1 of epoch 1; lower learning_rate \(0.1\)"
    ):
        train(sessions_of([0, 1, 2]), a_vocabulary(3), config)


@pytest.mark.parametrize(
    ("sessions", "items", "message"),
    [
        (([0, 0],), 1, "items to choose from: 1;"),
        (([0], [1]), 2, "none of the 2 training sessions has two events"),
    ],
)
def test_nothing_to_learn_is_said(sessions: tuple[list[int], ...], items: int, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        train(sessions_of(*sessions), a_vocabulary(items), SMALL)


def test_device_that_is_not_there_is_named() -> None:
    with pytest.raises(UsageError, match=r"device 'abacus' cannot be used \(.+\); use cpu, cuda or auto"):
        train(sessions_of([0, 1]), a_vocabulary(2), SMALL, resources=Resources(device="abacus"))


def test_precision_that_is_not_known_is_named() -> None:
    with pytest.raises(UsageError, match=r"precision 'int4' is not known; use float32, bfloat16 or auto"):
        train(sessions_of([0, 1]), a_vocabulary(2), SMALL, resources=Resources(precision="int4"))


@pytest.mark.parametrize("precision", ["bfloat16", "auto"])
def test_rings_are_learned_in_every_precision(precision: str) -> None:
    events = ring_events(noise=0)
    vocabulary = build_vocabulary(events)
    sessions = sessionize(events, vocabulary, 0)
    model = train(sessions, vocabulary, SMALL, resources=Resources(precision=precision))
    exact = train(sessions, vocabulary, SMALL)
    assert model.item_matrix.dtype == np.float32
    assert model.history[-1].loss == pytest.approx(exact.history[-1].loss, rel=0.2)


def test_two_threads_learn_what_one_learns() -> None:
    events = ring_events(noise=0)
    vocabulary = build_vocabulary(events)
    sessions = sessionize(events, vocabulary, 0)
    losses = [
        train(sessions, vocabulary, SMALL, resources=Resources(threads=threads)).history[-1].loss
        for threads in (1, 2)
    ]
    assert losses[0] == pytest.approx(losses[1], rel=0.05)
