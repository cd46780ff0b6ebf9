"""`millrace train` from the outside: files in, files and exit codes out."""

import json
from pathlib import Path

import pytest

from millrace import run
from tests.retrain.planted_sessions import ring_events

SMALL = '{"hidden_size": 8, "epochs": 1, "min_steps": 50, "batch_size": 16, "n_negatives": 8}'


@pytest.fixture
def log_file(tmp_path: Path) -> Path:
    path = tmp_path / "events.parquet"
    ring_events().rename({"occurred_at_ms": "timestamp"}).write_parquet(path)
    return path


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    path = tmp_path / "small.json"
    path.write_text(SMALL)
    return path


def train(log_file: Path, out: Path, *options: str) -> int:
    return run(["train", str(log_file), "--out", str(out), *options])


def the_release(out: Path) -> Path:
    (manifest,) = out.glob("*/manifest.json")
    return manifest.parent


def test_trained_release_leaves_out_the_last_sessions(
    log_file: Path, config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "releases"
    assert train(log_file, out, "--config", str(config_file), "--seed", "5", "--test-share", "0.2") == 0
    folder = the_release(out)
    printed = capsys.readouterr()
    assert printed.out.splitlines()[0] == str(folder)
    assert "epoch 1 of" in printed.err
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert (manifest["config"]["seed"], manifest["data"]["sessions"]) == (5, 240)


@pytest.mark.timeout(300)
def test_two_threads_give_an_ensemble_the_files_that_one_gives(log_file: Path, tmp_path: Path) -> None:
    pair = tmp_path / "pair.toml"
    pair.write_text("hidden_size = 8\nmembers = 2\nepochs = 1\nmin_steps = 50\nn_negatives = 8\n")
    outs = [tmp_path / "one", tmp_path / "two"]
    for threads, out in enumerate(outs, start=1):
        options = ("--threads", str(threads), "--checkpoint", str(tmp_path / "run.npz"))
        assert train(log_file, out, "--config", str(pair), *options) == 0
    assert not list(tmp_path.glob("run.npz*"))
    one, two = (
        {file.name: file.read_bytes() for file in the_release(out).iterdir() if file.name != "manifest.json"}
        for out in outs
    )
    assert one == two


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("", "no events in the file"),
        ("session_id,item_id\n", "no events in the file"),
        ("session_id,clicked\ns,a\n", "no column 'item_id'"),
        (
            "session_id,item_id\ns,a\ns,a\nt,a\nt,a\n",
            "items to choose from: 1; the training data needs at least 2",
        ),
        ("session_id,item_id\ns,a\nt,b\n", "none of the 2 training sessions has two events"),
        ("session_id,item_id,split\ns,a,test\ns,b,test\n", "no events to train on"),
    ],
)
def test_data_that_cannot_be_trained_on_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None, message: str
) -> None:
    path = tmp_path / "events.csv"
    if content is not None:
        path.write_text(content)
    assert train(path, tmp_path / "releases") == 2
    said = capsys.readouterr().err
    assert said.startswith("millrace: ")
    assert message in said
    assert said.count("\n") == 1
    assert not list((tmp_path / "releases").glob("*/manifest.json"))


def test_warm_start_is_told_and_so_is_why_there_is_none(
    log_file: Path, config_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, warm, scratch = (tmp_path / name for name in ("first", "warm", "scratch"))
    assert train(log_file, first, "--config", str(config_file)) == 0
    release = the_release(first)
    begun = ("--warm-start", str(release))
    capsys.readouterr()
    assert train(log_file, warm, "--config", str(config_file), *begun) == 0
    assert f"warm start 1 since a training from scratch, from {release.name}\n" in capsys.readouterr().out
    (run_record,) = (warm / "runs").glob("*/run.json")
    assert json.loads(run_record.read_bytes())["tags"]["warm_start"] == release.name
    config_file.write_text(SMALL.replace('"hidden_size": 8', '"hidden_size": 4'))
    assert train(log_file, scratch, "--config", str(config_file), *begun) == 0
    assert "trained from scratch, because no warm start was possible: release" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--test-share", "1.5"], "--test-share 1.5: use 0 to 0.9"),
        (["--config", "nowhere.toml"], "nowhere.toml: cannot be read"),
        (["--warm-start", "nowhere"], "nowhere is no release"),
        (["--event-type-map", "x=y"], "x=y: map to one of view, cart, purchase"),
    ],
)
def test_wrong_training_options_are_one_line_and_exit_code_2(
    log_file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], message: str
) -> None:
    assert train(log_file, tmp_path / "releases", *options) == 2
    said = capsys.readouterr().err
    assert message in said
    assert said.count("\n") == 1


def test_output_folder_that_cannot_be_made_is_one_line_and_exit_code_2(
    log_file: Path, config_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert train(log_file, config_file / "below-a-file", "--config", str(config_file)) == 2
    assert "is a file; give a folder" in capsys.readouterr().err
