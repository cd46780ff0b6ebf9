"""`millrace tune` as one types it: a best config comes out, test rows never matter, a kill costs a trial."""

import signal
from pathlib import Path

import optuna
import polars as pl
import pytest

from millrace import run
from models.model_config_file import load_model_config
from retrain.runs.run_folder import read_run
from streams.dev.child_processes import ChildProcesses
from tests.retrain.planted_sessions import ring_events

SPACE = """
[learning_rate]
low = 0.01
high = 0.5
log = true

[batch_size]
choices = [8, 16]
"""
SMALL = '{"hidden_size": 8, "epochs": 2, "min_steps": 0, "n_negatives": 8, "session_gap_s": 0}'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An event file with a split, a space and a config."""
    is_test = pl.col("session_id").str.slice(1).cast(pl.Int32) >= 80
    split = pl.when(is_test).then(pl.lit("test")).otherwise(pl.lit("train"))
    events = ring_events(sessions=100).rename({"occurred_at_ms": "timestamp"}).with_columns(split=split)
    events.write_parquet(tmp_path / "events.parquet")
    (tmp_path / "space.toml").write_text(SPACE)
    (tmp_path / "small.json").write_text(SMALL)
    return tmp_path


def arguments(folder: Path, out: str = "out", *options: str) -> list[str]:
    files = ["--space", str(folder / "space.toml"), "--config", str(folder / "small.json")]
    goal = ["--objective", "recall@5", "--coarse-share", "0.5"]
    return ["tune", str(folder / "events.parquet"), "--out", str(folder / out), *files, *goal, *options]


def values_of(folder: Path, out: str = "out") -> dict[str, list[float | None]]:
    storage = f"sqlite:///{folder / out / 'study.db'}"
    return {
        name: [
            trial.value
            for trial in optuna.load_study(study_name=name, storage=storage).trials
            if trial.state != optuna.trial.TrialState.FAIL
        ]
        for name in ("coarse", "fine")
    }


def test_best_config_is_printed_written_and_trains(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(arguments(folder, "out", "--trials", "4")) == 0
    printed = capsys.readouterr()
    best = folder / "out" / "best.toml"
    assert best.read_text() == printed.out
    assert printed.out.startswith("# recall@5 = ")
    config = load_model_config(best)
    assert 0.01 <= config.learning_rate <= 0.5
    assert config.batch_size in (8, 16)
    assert config.hidden_size == 8
    assert "coarse trial 0, 50% of the sessions: 0." in printed.err
    assert "fine trial 0, 100% of the sessions: 0." in printed.err
    values = values_of(folder)
    assert (len(values["coarse"]), len(values["fine"])) == (2, 2)
    train = [
        "train",
        str(folder / "events.parquet"),
        "--out",
        str(folder / "releases"),
        "--config",
        str(best),
    ]
    assert run(train) == 0


def test_every_training_of_a_trial_is_a_recorded_run_without_a_release(folder: Path) -> None:
    assert run(arguments(folder, "out", "--trials", "2")) == 0
    runs = [read_run(path) for path in sorted((folder / "out" / "runs").glob("tune-*"))]
    assert [(one.start.tags["phase"], one.start.tags["share"]) for one in runs] == [
        ("coarse", "0.5"), ("fine", "1"),
    ]  # fmt: skip
    assert {one.start.validation_share for one in runs} == {0.1}
    for one in runs:
        assert one.end is not None
        assert one.end.data is not None
        assert one.metrics["recall@5"] > 0
    sessions = [one.end.data.sessions for one in runs if one.end is not None and one.end.data is not None]
    assert sessions == [36, 72]
    assert not list(folder.glob("out/**/manifest.json"))


@pytest.mark.parametrize("trials", [1, 2, 3, 4])
def test_few_trials_are_all_different(folder: Path, capsys: pytest.CaptureFixture[str], trials: int) -> None:
    (folder / "space.toml").write_text("[learning_rate]\nchoices = [0.1, 0.2, 0.3, 0.4, 0.5]\n")
    assert run(arguments(folder, "out", "--trials", str(trials))) == 0
    said = capsys.readouterr().err
    runs = [read_run(path).start for path in (folder / "out" / "runs").glob("tune-*")]
    learned = [(one.tags["share"], one.config["learning_rate"]) for one in runs]
    assert len(learned) == len(set(learned))
    assert said.count("known from coarse trial") >= min(1, trials - 1)


def test_space_with_nothing_else_to_try_ends_the_search_and_says_so(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (folder / "space.toml").write_text("[batch_size]\nchoices = [8, 16]\n")
    for _ in range(2):
        assert run(arguments(folder, "out", "--trials", "9", "--coarse-share", "1")) == 0
        said = capsys.readouterr()
        assert "no more coarse trials than 2: the space has hardly anything that was not tried" in said.err
        assert "no more fine trials than 2" in said.err
        assert "the best of 4 trials" in said.out
    runs = [read_run(path).start for path in (folder / "out" / "runs").glob("tune-*")]
    assert sorted((one.tags["phase"], one.config["batch_size"]) for one in runs) == [
        ("coarse", 8), ("coarse", 16),
    ]  # fmt: skip


def test_test_rows_never_matter(folder: Path) -> None:
    assert run(arguments(folder, "with", "--trials", "3")) == 0
    events = pl.read_parquet(folder / "events.parquet")
    nonsense = events.with_columns(
        item_id=pl.when(pl.col("split") == "test").then(pl.lit("x")).otherwise(pl.col("item_id"))
    )
    nonsense.write_parquet(folder / "events.parquet")
    assert run(arguments(folder, "nonsense", "--trials", "3")) == 0
    events.filter(pl.col("split") == "train").write_parquet(folder / "events.parquet")
    assert run(arguments(folder, "without", "--trials", "3")) == 0
    assert values_of(folder, "with") == values_of(folder, "nonsense") == values_of(folder, "without")


def test_file_without_a_split_keeps_its_last_sessions_from_the_trials(folder: Path) -> None:
    events = pl.read_parquet(folder / "events.parquet").drop("split")
    events.write_parquet(folder / "events.parquet")
    assert run(arguments(folder, "whole", "--trials", "2", "--test-share", "0.2")) == 0
    events.filter(pl.col("session_id").str.slice(1).cast(pl.Int32) < 80).write_parquet(
        folder / "events.parquet"
    )
    assert run(arguments(folder, "cut", "--trials", "2", "--test-share", "0")) == 0
    assert values_of(folder, "whole") == values_of(folder, "cut")


@pytest.mark.timeout(600)  # three starts of the command, one of them a process of its own
def test_killed_study_goes_on_to_what_it_would_have_been(folder: Path, children: ChildProcesses) -> None:
    assert run(arguments(folder, "whole", "--trials", "3")) == 0
    killed = children.start_millrace(*arguments(folder, "killed", "--trials", "3"))
    killed.wait_until(lambda: "fine trial 0, 50%" in killed.log_tail(50), 300)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait(30) == -signal.SIGKILL
    assert len(values_of(folder, "killed")["coarse"]) == 2
    assert run(arguments(folder, "killed", "--trials", "3")) == 0
    assert values_of(folder, "killed") == values_of(folder, "whole")


def test_study_that_is_over_is_extended_by_more_trials(folder: Path) -> None:
    for trials in ("2", "2", "4"):
        assert run(arguments(folder, "out", "--trials", trials)) == 0
    values = values_of(folder)
    assert (len(values["coarse"]), len(values["fine"])) == (1, 3)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--seed", "2"], "the study in it began with another seed (1, now 2)"),
        (["--validation-share", "0.2"], "began with another validation share (0.1, now 0.2)"),
        (["--test-share", "0.3"], "began with another model config; go on as it began, or give another file"),
    ],
)
def test_study_goes_on_only_as_it_began(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run(arguments(folder, "out", "--trials", "1")) == 0
    capsys.readouterr()
    assert run(arguments(folder, "out", "--trials", "1", *options)) == 2
    assert message in capsys.readouterr().err


@pytest.mark.timeout(300)
def test_study_that_another_process_uses_is_refused(
    folder: Path, children: ChildProcesses, capsys: pytest.CaptureFixture[str]
) -> None:
    other = children.start_millrace(*arguments(folder, "out", "--trials", "500"))
    other.wait_until(lambda: "coarse trial 0" in other.log_tail(50), 200)
    assert run(arguments(folder, "out", "--trials", "1")) == 2
    assert "another tuning uses it now; give another file" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--objective", "hits@20"], "--objective hits@20: give recall@20"),
        (["--validation-share", "0"], "--validation-share 0: use more than 0"),
        (["--validation-share", "1"], "--validation-share 1: use more than 0, at most 0.9"),
        (["--space", "none.toml"], "--space none.toml: cannot be read"),
        (["--out", "/dev/null/out"], "--out /dev/null/out: /dev/null is a file; give a folder"),
        (["--storage", "/dev/null/study.db"], "--storage /dev/null: /dev/null is a file; give a folder"),
    ],
)
def test_wrong_options_are_one_line(
    folder: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert run(arguments(folder, "out", *options)) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_file_that_holds_no_studies_is_refused(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "notes.txt").write_text("no database, but some hundred bytes of text\n" * 10)
    assert run(arguments(folder, "out", "--storage", str(folder / "notes.txt"))) == 2
    assert "is no file of studies; give another one" in capsys.readouterr().err


def test_space_in_which_no_trial_succeeds_says_why(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "space.toml").write_text("[min_item_support]\nlow = 500\nhigh = 900\n")
    assert run(arguments(folder, "out", "--trials", "2")) == 2
    said = capsys.readouterr().err
    assert "gave nothing: items to choose from: 0" in said
    assert "none of 2 trials gave a figure; the last one: items to choose from: 0" in said
