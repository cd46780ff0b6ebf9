"""A run leaves a folder that says what it was told, where it ran, how it went and how it ended."""

import csv
import os
import signal
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest

from models.model_config import ModelConfig
from models.model_config_file import load_model_config
from retrain.runs.run_folder import read_run
from retrain.runs.run_recording import RunRecorder, recorded_run
from retrain.runs.run_tracking import COLUMNS, chosen_trackers
from schemas.errors import UsageError
from schemas.release_manifest import DataRange, EncoderSpec, IndexSpec, ReleaseManifest
from schemas.run_record import END_FILE, HISTORY_FILE, RUNS_FILE, START_FILE, ScoreRange
from tests.retrain.runs.recorded_runs import NOON, TickingClock, a_plan, progress

DATA = DataRange(events=9, sessions=3, items=4, sha256="cafe")


def a_manifest() -> ReleaseManifest:
    return ReleaseManifest(
        release_id="r1",  # type: ignore[arg-type]
        created_at=NOON,
        strategy="gru4rec",
        items=4,
        session_gap_s=0,
        encoder=EncoderSpec(item_dim=9, state_size=8, index_dim=9, opset=17, event_type_codes={}),
        index=IndexSpec(kind="exact"),
        data=DATA,
        config={},
        metrics={"training_loss": 3.25},
        code_version="1",
        files={},
    )


@contextmanager
def a_run(runs: Path) -> Iterator[RunRecorder]:
    with recorded_run(runs, a_plan(), TickingClock()) as run:
        yield run


def listed(runs: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((runs / RUNS_FILE).read_text().splitlines()))


def test_finished_run_has_everything_and_a_line_in_the_list(tmp_path: Path) -> None:
    with a_run(tmp_path) as run:
        for at in (progress(1, 5.0), progress(1, 4.5), progress(2, 4.0), progress(2, 3.25)):
            run.follow(at)
        run.trained(a_manifest())
        run.add_metrics({"recall@20": 0.5})
        run.served_scores(ScoreRange(p01=-1, p99=9, lists=2))
    back = read_run(run.folder)
    assert back.start.run_id == run.folder.name == "train-20260504T120000000000Z"
    assert (back.start.seed, back.start.source.name, back.start.machine.cores >= 1) == (
        7,
        "clicks.parquet",
        True,
    )
    assert [(line.epoch, line.loss, line.events) for line in back.history] == [(1, 4.5, 100), (2, 3.25, 200)]
    assert back.metrics == {"training_loss": 3.25, "recall@20": 0.5}
    assert back.end is not None
    assert (back.end.status, back.end.release_id, back.end.data) == ("finished", "r1", DATA)
    assert back.end.score_range == ScoreRange(p01=-1, p99=9, lists=2)
    (line,) = listed(tmp_path)
    assert (line["status"], line["training_loss"], line["recall@20"], line["mrr@20"]) == (
        "finished", "3.25", "0.5", "",
    )  # fmt: skip
    assert msgspec.json.decode(line["config"], type=ModelConfig) == a_plan().config


def test_config_of_a_run_trains_the_same_again(tmp_path: Path) -> None:
    with a_run(tmp_path) as run:
        pass
    assert load_model_config(run.folder / "config.toml") == a_plan().config
    assert tomllib.loads((run.folder / "config.toml").read_text())["index"] == "auto"


def test_parts_of_a_run_are_timed_by_the_clock(tmp_path: Path) -> None:
    with a_run(tmp_path) as run, run.timed("training"):
        pass
    end = read_run(run.folder).end
    assert end is not None
    assert end.seconds["training"] == 1
    assert end.seconds["total"] >= 3
    assert end.ended_at > NOON


def break_off(runs: Path, raised: BaseException) -> None:
    with a_run(runs) as run:
        run.follow(progress(1, 5.0))
        run.follow(progress(2, 9.0))
        raise raised


@pytest.mark.parametrize(
    ("raised", "status", "reason"),
    [
        (UsageError("the loss is nan"), "failed", "the loss is nan"),
        (ValueError("two\nlines"), "failed", "ValueError: two lines"),
        (KeyboardInterrupt(), "interrupted", "Ctrl-C"),
    ],
)
def test_run_that_breaks_off_says_why_and_goes_on_raising(
    tmp_path: Path, raised: BaseException, status: str, reason: str
) -> None:
    with pytest.raises(type(raised)):
        break_off(tmp_path, raised)
    back = read_run(next(tmp_path.glob("train-*")))
    assert back.end is not None
    assert (back.end.status, back.end.reason, back.end.release_id) == (status, reason, None)
    assert [line.epoch for line in back.history] == [1]
    assert [(line["status"], line["reason"]) for line in listed(tmp_path)] == [(status, reason)]


def test_killed_run_has_its_history_and_no_end_mark(tmp_path: Path) -> None:
    program = (
        "import os, signal\n"
        "from pathlib import Path\n"
        "from retrain.runs.run_recording import recorded_run\n"
        "from tests.retrain.runs.recorded_runs import a_plan, progress\n"
        f"with recorded_run(Path({str(tmp_path)!r}), a_plan()) as run:\n"
        "    run.follow(progress(1, 5.0)); run.follow(progress(2, 4.0))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    root = Path(__file__).parents[3]
    killed = subprocess.run([sys.executable, "-c", program], check=False, cwd=root, env={**os.environ})
    assert killed.returncode == -signal.SIGKILL
    back = read_run(next(tmp_path.glob("train-*")))
    assert back.end is None
    assert [line.epoch for line in back.history] == [1]
    assert not (tmp_path / RUNS_FILE).exists()


def test_line_of_history_that_a_kill_cut_off_is_left_out(tmp_path: Path) -> None:
    with a_run(tmp_path) as run:
        run.follow(progress(1, 5.0))
        run.trained(a_manifest())
    with (run.folder / HISTORY_FILE).open("a") as history:
        history.write("2,4.")
    assert len(read_run(run.folder).history) == 1


def test_run_is_never_written_over(tmp_path: Path) -> None:
    with a_run(tmp_path):
        pass
    with pytest.raises(UsageError, match="the run's folder cannot be written"), a_run(tmp_path):
        pass


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        (START_FILE, None, "is no run's folder"),
        (END_FILE, "{", "a file of the run is broken"),
        (HISTORY_FILE, "epoch\nx\n", "a file of the run is broken"),
    ],
)
def test_folder_that_cannot_be_read_back_is_said(
    tmp_path: Path, file: str, content: str | None, message: str
) -> None:
    with a_run(tmp_path) as run:
        pass
    (run.folder / file).unlink() if content is None else (run.folder / file).write_text(content)
    with pytest.raises(UsageError, match=message):
        read_run(run.folder)


def test_several_runs_share_one_list_with_one_header(tmp_path: Path) -> None:
    for command in ("train", "tune"):
        with recorded_run(tmp_path, a_plan(command)):
            pass
    assert [line["command"] for line in listed(tmp_path)] == ["train", "tune"]
    assert (tmp_path / RUNS_FILE).read_text().startswith(",".join(COLUMNS) + "\n")


def test_list_that_cannot_be_written_costs_a_warning_and_not_the_run(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / RUNS_FILE).mkdir()
    with a_run(tmp_path) as run:
        pass
    assert read_run(run.folder).end is not None
    assert "the run cannot be listed" in caplog.text


def test_without_the_variable_runs_go_to_the_list_only(tmp_path: Path) -> None:
    assert len(chosen_trackers(tmp_path, {})) == 1
    assert len(chosen_trackers(tmp_path, {"MLFLOW_TRACKING_URI": ""})) == 1


def test_mlflow_that_is_asked_for_and_not_installed_is_one_clear_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(sys.modules, "retrain.runs.mlflow_tracking", raising=False)
    monkeypatch.setitem(sys.modules, "mlflow.entities", None)
    with pytest.raises(
        UsageError, match=r"MLFLOW_TRACKING_URI=http://x: MLflow is not installed .*pip install"
    ):
        chosen_trackers(tmp_path, {"MLFLOW_TRACKING_URI": "http://x"})
