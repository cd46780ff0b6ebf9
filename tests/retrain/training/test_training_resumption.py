"""Resumption: a training that was killed and goes on gives what it would have given, to the last bit."""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path

import numpy as np
import pytest
import torch
from msgspec.structs import replace as with_fields

from models.model_config import ModelConfig
from retrain.training.sessionize import Sessions, build_vocabulary, sessionize
from retrain.training.training import TrainedModel, train
from retrain.training.training_loop import TrainingProgress
from retrain.training.training_resources import Resources
from schemas.errors import UsageError
from tests.retrain.planted_sessions import ring_events

EVENTS = ring_events(sessions=600)
VOCABULARY = build_vocabulary(EVENTS)
CONFIG = ModelConfig(
    hidden_size=8,
    layers=2,
    epochs=3,
    min_steps=0,
    batch_size=8,
    n_negatives=8,
    hidden_dropout=0.3,
    momentum=0.2,
    learning_rate_schedule="linear",
)


class Killed(Exception):
    """The process ended."""


def sessions() -> Sessions:
    return sessionize(EVENTS, VOCABULARY, 0)


def killed_at(report: int) -> Callable[[TrainingProgress], None]:
    reports = count(1)

    def progress(_: TrainingProgress) -> None:
        if next(reports) == report:
            raise Killed

    return progress


def train_to(
    path: Path | None, progress: Callable[[TrainingProgress], None], config: ModelConfig = CONFIG
) -> TrainedModel:
    return train(sessions(), VOCABULARY, config, progress, Resources(checkpoint=path, checkpoint_every_s=0))


@pytest.mark.parametrize("report", [2, 5, 8, 11])
def test_resumed_training_equals_the_uninterrupted_one(tmp_path: Path, report: int) -> None:
    whole = train_to(None, lambda _: None)
    path = tmp_path / "checkpoint.zip"
    with pytest.raises(Killed):
        train_to(path, killed_at(report))
    assert path.exists()
    torch.rand(3)  # what others draw does not matter
    resumed = train_to(path, lambda _: None)
    np.testing.assert_array_equal(resumed.item_matrix, whole.item_matrix)
    for name, weight in whole.encoder.state_dict().items():
        assert torch.equal(resumed.encoder.state_dict()[name], weight)
    assert [replace(epoch, events_per_s=0) for epoch in resumed.history] == [
        replace(epoch, events_per_s=0) for epoch in whole.history
    ]


@pytest.mark.parametrize("report", [2, 14, 20])
def test_resumed_ensemble_equals_the_uninterrupted_one(tmp_path: Path, report: int) -> None:
    config = with_fields(CONFIG, members=2)
    whole = train_to(None, lambda _: None, config)
    path = tmp_path / "checkpoint.zip"
    with pytest.raises(Killed):
        train_to(path, killed_at(report), config)
    resumed = train_to(path, lambda _: None, config)
    np.testing.assert_array_equal(resumed.item_matrix, whole.item_matrix)
    assert len(resumed.history) == len(whole.history) == 2 * CONFIG.epochs


def test_resumed_training_does_not_repeat_what_was_made(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.zip"
    with pytest.raises(Killed):
        train_to(path, killed_at(8))
    reports: list[TrainingProgress] = []
    train_to(path, reports.append)
    assert reports[0].events > reports[0].total_events / 3


def test_checkpoint_of_another_configuration_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.zip"
    with pytest.raises(Killed):
        train_to(path, killed_at(3))
    with pytest.raises(UsageError, match=r"belongs to another training: config.seed was 1 and is 2"):
        train_to(path, lambda _: None, with_fields(CONFIG, seed=2))


def test_short_epochs_leave_checkpoints_too(tmp_path: Path) -> None:
    config = with_fields(CONFIG, batch_size=400)
    path = tmp_path / "checkpoint.zip"
    with pytest.raises(Killed):
        train_to(path, killed_at(2), config)
    reports: list[TrainingProgress] = []
    train_to(path, reports.append, config)
    assert [report.epoch for report in reports] == [2, 3]


def test_checkpoint_of_another_precision_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.zip"
    with pytest.raises(Killed):
        train_to(path, killed_at(3))
    resources = Resources(precision="bfloat16", checkpoint=path)
    with pytest.raises(UsageError, match="precision was float32 and is bfloat16"):
        train(sessions(), VOCABULARY, CONFIG, resources=resources)
