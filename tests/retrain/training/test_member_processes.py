"""Members side by side: the same model as one after the other; no process outlives its training."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from itertools import count, pairwise
from multiprocessing import active_children
from pathlib import Path

import numpy as np
import psutil
import pytest
import torch
from msgspec.structs import replace as with_fields

from models.model_config import ModelConfig
from retrain.training.member_processes import members_at_once
from retrain.training.sessionize import Sessions, build_vocabulary, sessionize
from retrain.training.training import TrainedModel, train
from retrain.training.training_loop import TrainingProgress
from retrain.training.training_resources import Resources
from schemas.errors import UsageError
from tests.retrain.planted_sessions import ring_events

EVENTS = ring_events(sessions=300)
VOCABULARY = build_vocabulary(EVENTS)
SESSIONS = sessionize(EVENTS, VOCABULARY, 0)
CONFIG = ModelConfig(
    hidden_size=8, members=2, epochs=3, min_steps=0, batch_size=8, n_negatives=8, momentum=0.2
)
TRAINING = """
import signal
from multiprocessing import active_children
from tests.retrain.training.test_member_processes import train_on

def show(_):
    print(*[child.pid for child in active_children()], flush=True)
    signal.pause()

train_on(2, show)
"""

pytestmark = pytest.mark.timeout(300)
"""A busy machine takes its time to start processes."""


class Killed(Exception):
    """The process ended."""


def train_on(
    threads: int,
    progress: Callable[[TrainingProgress], None] = lambda _: None,
    checkpoint: Path | None = None,
    config: ModelConfig = CONFIG,
) -> TrainedModel:
    resources = Resources(threads, checkpoint=checkpoint, checkpoint_every_s=0)
    return train(SESSIONS, VOCABULARY, config, progress, resources)


def without_speed(reports: tuple[TrainingProgress, ...]) -> list[TrainingProgress]:
    return [replace(report, events_per_s=0) for report in reports]


def assert_equal(model: TrainedModel, other: TrainedModel) -> None:
    np.testing.assert_array_equal(model.item_matrix, other.item_matrix)
    weights, others = model.encoder.state_dict(), other.encoder.state_dict()
    assert weights.keys() == others.keys()
    assert all(torch.equal(weight, others[name]) for name, weight in weights.items())
    assert without_speed(model.history) == without_speed(other.history)


def test_members_side_by_side_are_those_trained_one_after_the_other() -> None:
    three = with_fields(CONFIG, members=3)
    reports: list[TrainingProgress] = []
    side_by_side = train_on(2, reports.append, config=three)
    assert_equal(side_by_side, train_on(1, config=three))
    assert not active_children()

    assert all(before.events <= after.events for before, after in pairwise(reports))
    assert reports[-1].events == reports[-1].total_events == side_by_side.history[-1].total_events
    ends = {report.epoch: report for report in reports}
    assert list(ends) == [1, 2, 3, 4, 5, 6]
    first, second, third = (side_by_side.history[at].loss for at in (0, 3, 6))
    assert ends[1].loss == pytest.approx((first + second) / 2)
    assert ends[4].loss == third
    assert all(report.events_per_s > 0 for report in reports)


@pytest.mark.parametrize(("threads", "report"), [(2, 12), (1, 11)])
def test_killed_ensemble_goes_on_side_by_side_to_what_it_would_have_been(
    tmp_path: Path, threads: int, report: int
) -> None:
    """At report 11 one after the other, the first member is complete."""
    path, reports = tmp_path / "checkpoint.zip", count(1)

    def kill(_: TrainingProgress) -> None:
        if next(reports) == report:
            raise Killed

    with pytest.raises(Killed):
        train_on(threads, kill, path)
    assert not active_children()
    ends: list[TrainingProgress] = []
    assert_equal(train_on(2, ends.append, path), train_on(1))
    assert ends[-1].events == ends[-1].total_events


def test_error_of_one_member_is_raised_and_ends_the_others(tmp_path: Path) -> None:
    damaged = tmp_path / "checkpoint.zip.1"
    damaged.write_bytes(b"no zip")
    with pytest.raises(UsageError, match=r"checkpoint\.zip\.1: it is damaged .+; delete it to start anew"):
        train_on(2, checkpoint=tmp_path / "checkpoint.zip")
    assert not active_children()


def test_bug_in_a_member_is_raised_with_its_traceback() -> None:
    no_rows = Sessions(np.array([0, 1, -7], dtype=np.int32), np.array([0, 3], dtype=np.int64))
    with pytest.raises(ValueError, match="negative") as raised:
        train(no_rows, VOCABULARY, CONFIG, resources=Resources(threads=2))
    (note,) = raised.value.__notes__
    assert note.startswith("In the process of member ")
    assert "in train_member" in note


def test_member_whose_process_is_killed_is_named() -> None:
    with pytest.raises(UsageError, match=r"trains member [12] ended with exit code -9; .+ --threads 1"):
        train_on(2, lambda _: active_children()[0].kill())
    assert not active_children()


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_process_outlives_a_training_that_is_ended(number: signal.Signals) -> None:
    root = Path(__file__).parents[3]
    with subprocess.Popen(
        [sys.executable, "-c", TRAINING],
        cwd=root,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,  # Ctrl-C goes to all processes of the terminal's group
    ) as parent:
        assert parent.stdout is not None
        assert parent.stderr is not None
        members = [psutil.Process(int(pid)) for pid in parent.stdout.readline().split()]
        assert len(members) == 2
        if number == signal.SIGINT:
            os.killpg(parent.pid, number)
        else:
            parent.send_signal(number)
        said = parent.stderr.read()  # to its end: until the last of them has gone
    assert not psutil.wait_procs(members, timeout=30)[1]
    assert parent.returncode == -number
    assert said.count("Traceback") == (number == signal.SIGINT)


def test_only_a_cpu_trains_members_side_by_side() -> None:
    cpu, gpu = torch.device("cpu"), torch.device("cuda")
    assert [members_at_once(3, threads, cpu) for threads in (1, 2, 4)] == [1, 2, 3]
    assert members_at_once(3, 4, gpu) == 1
