"""The work folder: what cannot be read or written is told with the setting and the way out."""

from pathlib import Path

import polars as pl
import pytest

from retrain.cycle.work_folder import WorkFolder
from schemas.errors import Unavailable, UsageError
from schemas.release_manifest import LogRange
from schemas.retrain_cycle import CycleRecord
from schemas.run_record import RunSource
from tests.schemas.golden_values import RELEASE_MANIFEST_V1

RECORD = CycleRecord(
    cycle_id="cycle-1",
    trigger="test",
    started_at=RELEASE_MANIFEST_V1.created_at,
    config={"hidden_size": 4},
    source=RunSource(name="events"),
    done={"window": 1.5, "train": 2.0},
    ranges=[LogRange(topic="events", partition=0, first_offset=0, next_offset=7)],
)


def test_record_comes_back_as_it_was_saved(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "work")
    assert work.record() is None
    work.save(RECORD)
    assert work.record() == RECORD


def test_emptied_folder_keeps_the_record_alone(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    work.save(RECORD)
    work.save_window(pl.DataFrame({"session_id": ["s"]}))
    work.candidate.mkdir()
    for name in ("checkpoint", "checkpoint.1"):
        (tmp_path / name).write_bytes(b"")
    work.empty()
    assert [path.name for path in tmp_path.iterdir()] == ["cycle.json"]


def test_folder_that_is_a_file_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match=r"MILLRACE_RETRAIN_WORK=.*/file: the folder cannot be made"):
        WorkFolder(tmp_path / "file")


def test_window_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    with pytest.raises(UsageError, match=r"window\.parquet: the window cannot be read .*--restart"):
        work.window()
    (tmp_path / "window.parquet").write_bytes(b"?")
    with pytest.raises(UsageError, match="cannot be read"):
        work.window()


def test_folder_that_is_gone_is_told_when_it_is_written(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path / "work")
    (tmp_path / "work").rmdir()
    with pytest.raises(Unavailable, match="cannot be written"):
        work.save(RECORD)
    with pytest.raises(Unavailable, match="cannot be written"):
        work.save_window(pl.DataFrame({"session_id": ["s"]}))


def test_lock_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    work = WorkFolder(tmp_path)
    (tmp_path / ".lock").mkdir()
    with (
        pytest.raises(UsageError, match=r"MILLRACE_RETRAIN_WORK=.*: \.lock cannot be written"),
        work.held(),
    ):
        pass
