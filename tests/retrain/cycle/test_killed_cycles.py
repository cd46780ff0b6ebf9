"""A cycle that is killed anywhere, by kill -9: what runs does not change, and the next call goes on."""

from pathlib import Path

import pytest

from models.release import load_release
from schemas.retrain_cycle import STEPS, Step
from tests.retrain.cycle.cycle_stage import CycleStage, WatchingDisplay

ANNOUNCED: tuple[Step, ...] = ("wait", "mark", "watch", "prune")
"""The steps behind the announcement."""


@pytest.fixture
def running(stage: CycleStage) -> CycleStage:
    """A first cycle has made a release that runs."""
    assert stage.run().outcome == "running"
    return stage


@pytest.mark.parametrize("step", STEPS)
def test_cycle_killed_at_a_step_leaves_what_runs_and_goes_on(running: CycleStage, step: Step) -> None:
    first = running.board().running
    for place in (f"{step} begins", f"{step} made", f"{step} saved"):
        running.die_at(place)
        behind = step in ANNOUNCED or (step == "announce" and not place.endswith("begins"))
        assert running.generations() == ([1, 2] if behind else [1])
        if not (step in {"watch", "prune"} or (step == "mark" and not place.endswith("begins"))):
            assert running.board().running == first
        current = running.board().current
        assert current is not None
        assert current.step == step
    summary = running.run()
    assert (summary.outcome, summary.generation, summary.attempts) == ("running", 2, 4)
    assert running.generations() == [1, 2]
    assert running.trainings() == 2
    now = running.board().running
    assert now is not None
    assert now.release_id == summary.release_id
    assert load_release(Path(running.settings.releases) / now.release_id).manifest.metrics == summary.metrics
    assert first is not None
    assert [one.cycle_id for one in running.board().history] == [summary.cycle_id, first.cycle_id]
    assert running.board().current is None


@pytest.mark.parametrize("place", ["announce checked", "closing told"])
def test_cycle_killed_between_two_writes_announces_once(running: CycleStage, place: str) -> None:
    running.die_at(place)
    summary = running.run()
    assert summary.outcome == "running"
    assert running.generations() == [1, 2]
    assert len(running.board().history) == 2


def test_training_that_was_killed_goes_on_from_its_checkpoint(stage: CycleStage) -> None:
    stage.die_in_training(epoch=3)
    assert (stage.settings.retrain_work / "checkpoint").exists()
    epochs: list[int] = []
    assert stage.run(display=WatchingDisplay(epochs.append)).outcome == "running"
    assert epochs[0] == 3
    assert stage.generations() == [1]
