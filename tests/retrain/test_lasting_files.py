"""Through a loss of power: a file is where readers look only after it and what it names are on the disc."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from retrain.archive.archive_store import ArchiveStore
from retrain.archive.erasure_requests import ErasureRequest, ask
from retrain.cycle.work_folder import WorkFolder
from retrain.releases.publishing import publish_release
from retrain.releases.release_building import write_manifest
from schemas.release_manifest import MANIFEST_FILE, ReleaseManifest
from schemas.retrain_cycle import CycleRecord
from schemas.run_record import RunSource
from tests.lasting_calls import Call, lost_at, recorded_calls
from tests.release_builder import write_release_tables
from tests.retrain.archive.written_archives import NOON_MS, write_files

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def manifest_moment(calls: list[Call]) -> int:
    """The call that gives the manifest its name."""
    (moment,) = [
        at for at, (name, _, to) in enumerate(calls) if name == "rename" and to.name == MANIFEST_FILE
    ]
    return moment


def assert_files_before_manifest(calls: list[Call], folder: Path, manifest: ReleaseManifest) -> None:
    """Each file was asked for, their folder, then the manifest renamed; the folder's own name lasts too."""
    before = [of for name, of, _ in calls[: manifest_moment(calls)] if name == "fsync"]
    assert {folder / name for name in manifest.files} <= set(before)
    assert before[-1] == folder
    assert folder.parent in {of for name, of, _ in calls if name == "fsync"}
    assert lost_at(calls, len(calls), folder.parent) == set()


@pytest.fixture
def release(tmp_path: Path) -> Path:
    return tmp_path / "candidate" / write_release_tables(tmp_path / "candidate", "r1", ["a", "b"])


def test_files_of_a_published_release_last_before_its_manifest(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = tmp_path / "shop" / "releases"
    with recorded_calls(monkeypatch) as calls:
        manifest = publish_release(release, str(store))
    assert_files_before_manifest(calls, store / "r1", manifest)
    assert lost_at(calls, len(calls), tmp_path) == set()


def test_files_of_a_candidate_last_before_its_manifest(
    release: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manifest = publish_release(release, str(tmp_path / "releases"))
    with recorded_calls(monkeypatch) as calls:
        write_manifest(release, manifest)
    assert_files_before_manifest(calls, release, manifest)


def test_archived_file_lasts_with_the_folder_of_its_day_before_the_archiver_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = ArchiveStore(str(tmp_path / "shop" / "archive"))
    with recorded_calls(monkeypatch) as calls:
        write_files(store, [(0, 3)])
        ask(store, ErasureRequest(asked_at_ms=NOON_MS, session_id="s"))
    assert lost_at(calls, len(calls), tmp_path) == set()
    assert [to.parent.name for name, _, to in calls if name == "rename"] == ["day=2026-01-01", "erasures"]


def test_folder_that_a_killed_archiver_made_lasts_with_the_next_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "day=2026-01-01").mkdir()
    with recorded_calls(monkeypatch) as calls:
        write_files(ArchiveStore(str(tmp_path)), [(0, 3)])
    assert calls[-1][:2] == ("fsync", tmp_path)


def test_window_lasts_before_the_record_that_says_it_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = CycleRecord(cycle_id="c", trigger="t", started_at=NOON, config={}, source=RunSource(name="e"))
    with recorded_calls(monkeypatch) as calls:
        work = WorkFolder(tmp_path / "work")
        work.save_window(pl.DataFrame({"session_id": ["s"]}))
        window_saved = len(calls)
        work.save(record)
    assert lost_at(calls, window_saved, tmp_path) == lost_at(calls, len(calls), tmp_path) == set()
