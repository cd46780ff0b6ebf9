"""Paths of outputs are refused before the work, in one line."""

from pathlib import Path

import pytest

import millrace
from schemas.errors import UsageError
from schemas.output_paths import check_output_file, check_output_folder


def test_new_file_existing_file_and_no_file_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "there.json").touch()
    for path in (tmp_path / "there.json", tmp_path / "new.json", None):
        check_output_file("--json", path)


def test_file_in_a_missing_folder_and_folder_in_place_of_a_file_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--json .*/x.json: there is no folder .*/nope"):
        check_output_file("--json", tmp_path / "nope" / "x.json")
    with pytest.raises(UsageError, match="this is a folder"):
        check_output_file("--json", tmp_path)


def test_folder_that_is_there_or_can_be_made_is_accepted(tmp_path: Path) -> None:
    check_output_folder("--out", tmp_path)
    check_output_folder("--out", tmp_path / "a" / "b")
    check_output_folder("--out", Path("not-there-yet"))


def test_file_in_place_of_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(UsageError, match="file is a file; give a folder"):
            check_output_folder("--out", path)


@pytest.mark.parametrize(
    "command",
    [
        "evaluate no-release no-events.csv",
        "bench train --events no-events.csv",
        "bench index --release no-release",
        "bench stream --events no-events.csv",
        "bench lookup",
        "demo --events no-events.csv",
    ],
)
def test_every_command_looks_at_its_output_before_it_begins(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert millrace.run([*command.split(), "--json", "nope/x.json"]) == 2
    assert capsys.readouterr().err == "millrace: --json nope/x.json: there is no folder nope\n"


def test_training_looks_at_its_folder_before_it_begins(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    assert millrace.run(["train", "no-events.csv", "--out", str(tmp_path / "file")]) == 2
    assert "file is a file; give a folder" in capsys.readouterr().err
