"""Builders of recorded runs."""

from datetime import UTC, datetime, timedelta

from models.model_config import ModelConfig
from retrain.runs.run_recording import RunPlan
from retrain.training.training_loop import TrainingProgress
from schemas.run_record import RunSource

NOON = datetime(2026, 5, 4, 12, tzinfo=UTC)


class TickingClock:
    """Each look at it is a second later."""

    def __init__(self) -> None:
        self._looks = -1

    def __call__(self) -> datetime:
        self._looks += 1
        return NOON + timedelta(seconds=self._looks)


def a_plan(command: str = "train", seed: int = 7, **tags: str) -> RunPlan:
    config = ModelConfig(seed=seed, hidden_size=8)
    return RunPlan(command, config, RunSource(name="clicks.parquet", sha256="ab", bytes=3), 10, tags=tags)


def progress(epoch: int, loss: float, epochs: int = 2) -> TrainingProgress:
    return TrainingProgress(
        epoch=epoch, epochs=epochs, events=100 * epoch, total_events=100 * epochs, loss=loss, events_per_s=50
    )
