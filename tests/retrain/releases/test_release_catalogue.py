"""Which releases a folder or an object store has, and whether one is whole."""

import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from models.release import VECTORS_FILE
from retrain.releases.release_catalogue import list_releases, read_release_manifest, verify_release
from schemas.errors import InvalidRelease, Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE
from tests.failing_store import FailingStore, fail_on, upload
from tests.release_builder import corrupt, write_release_tables

R1 = ReleaseId("r1")


@pytest.fixture(params=["folder", "object store"])
def releases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """r1 and r2, a folder without a manifest, one with a broken one, one with another's, and a plain file."""
    for release_id in ("r1", "r2", "half", "broken", "renamed"):
        write_release_tables(tmp_path, release_id, ["a", "b"])
    (tmp_path / "half" / MANIFEST_FILE).unlink()
    (tmp_path / "broken" / MANIFEST_FILE).write_bytes(b"{}")
    (tmp_path / "renamed" / MANIFEST_FILE).write_bytes((tmp_path / "r1" / MANIFEST_FILE).read_bytes())
    (tmp_path / "notes.txt").write_text("not a release")
    if request.param == "folder":
        yield str(tmp_path)
        return
    bucket = f"bucket-{uuid.uuid4().hex}"
    fsspec.filesystem("memory").put(str(tmp_path), f"/{bucket}", recursive=True)
    yield f"memory://{bucket}"
    fsspec.filesystem("memory").rm(f"/{bucket}", recursive=True)


def test_list_has_every_release_and_says_what_is_wrong_with_the_unreadable(releases: str) -> None:
    listed = {release.release_id: release for release in list_releases(releases)}
    assert sorted(listed) == ["broken", "r1", "r2", "renamed"]
    assert listed[R1].manifest is not None
    assert listed[ReleaseId("broken")].manifest is None
    assert listed[ReleaseId("renamed")].problem == "its manifest is that of r1"
    assert [release.manifest is None for release in list_releases(releases)] == [False, False, True, True]


def test_whole_release_verifies(releases: str) -> None:
    assert verify_release(releases, R1).release_id == R1


@pytest.mark.parametrize("release_id", ["missing", "half", "broken", "renamed"])
def test_what_is_no_release_is_refused(releases: str, release_id: str) -> None:
    with pytest.raises(InvalidRelease, match=release_id):
        read_release_manifest(releases, ReleaseId(release_id))


def test_changed_and_missing_files_are_named(tmp_path: Path) -> None:
    write_release_tables(tmp_path, "r1", ["a", "b"])
    corrupt(tmp_path, R1)
    with pytest.raises(InvalidRelease, match=f"{VECTORS_FILE} is corrupt"):
        verify_release(str(tmp_path), R1)
    (tmp_path / "r1" / VECTORS_FILE).unlink()
    with pytest.raises(InvalidRelease, match=f"{VECTORS_FILE} is missing"):
        verify_release(str(tmp_path), R1)


@pytest.mark.parametrize("releases", ["/nowhere/releases", "nope://bucket"])
def test_wrong_setting_is_a_usage_error(releases: str) -> None:
    with pytest.raises(UsageError, match="MILLRACE_RELEASES"):
        list_releases(releases)


def test_store_that_does_not_answer_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_release_tables(tmp_path / "built", "r1", ["a", "b"])
    store = upload(tmp_path / "built")
    assert verify_release(store, R1).release_id == R1
    monkeypatch.setattr(FailingStore, "trouble", staticmethod(fail_on(VECTORS_FILE)))
    with pytest.raises(Unavailable, match="connection lost"):
        verify_release(store, R1)
    monkeypatch.setattr(FailingStore, "trouble", staticmethod(fail_on(MANIFEST_FILE)))
    with pytest.raises(Unavailable, match="connection lost"):
        list_releases(store)
    with pytest.raises(Unavailable):
        list_releases("http://127.0.0.1:9/releases")
