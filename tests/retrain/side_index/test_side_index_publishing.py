"""Publishing side indexes to a folder and to an object store: whole or not at all, old ones away."""

import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import fsspec
import numpy as np
import pytest
from fsspec.implementations.local import LocalFileSystem

from models.release import Release, load_release
from models.side_index import SIDE_FILES, load_side_index
from retrain.side_index.side_index_publishing import KEPT_VERSIONS, SideIndexStore
from schemas.errors import InvalidRelease, Unavailable, UsageError
from schemas.release_manifest import MANIFEST_FILE
from schemas.side_index_manifest import side_index_folder
from streams.side_index_fetching import fetched_side_index
from tests.lasting_calls import lost_at, recorded_calls
from tests.side_index_builder import some_side_items
from tests.successor_release import write_successor_release

NOW = datetime(2026, 1, 2, tzinfo=UTC)
ITEMS = some_side_items(np.ones((2, 3), dtype=np.float32))


class Killed(BaseException):
    """The process is gone."""


class MortalFiles(LocalFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Files of a process that is killed before its n-th change of them."""

    cachable = False

    def __init__(self, changes: int) -> None:
        super().__init__()
        self.left = changes

    def makedirs(self, *args: Any, **kwargs: Any) -> None:
        self._change()
        super().makedirs(*args, **kwargs)

    def put_file(self, *args: Any, **kwargs: Any) -> None:
        self._change()
        super().put_file(*args, **kwargs)

    def rm_file(self, *args: Any, **kwargs: Any) -> None:
        self._change()
        super().rm_file(*args, **kwargs)

    def rm(self, *args: Any, **kwargs: Any) -> None:
        self._change()
        super().rm(*args, **kwargs)

    def _change(self) -> None:
        if not self.left:
            raise Killed
        self.left -= 1


@pytest.fixture
def release(tmp_path: Path) -> Release:
    write_successor_release(tmp_path / "built", "r1", ["a", "b", "c"])
    return load_release(tmp_path / "built" / "r1")


@pytest.fixture(params=["folder", "object store"])
def releases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    if request.param == "folder":
        yield str(tmp_path / "built")
        return
    bucket = f"bucket-{uuid.uuid4().hex}"
    fsspec.filesystem("memory").mkdir(f"/{bucket}")
    yield f"memory://{bucket}"
    fsspec.filesystem("memory").rm(f"/{bucket}", recursive=True)


def versions(releases: str) -> list[int]:
    files, root = fsspec.core.url_to_fs(releases)
    files.invalidate_cache()
    return sorted(int(path.rpartition("/")[2]) for path in files.ls(f"{root}/side-indexes/r1", detail=False))


def test_published_side_index_is_read_whole(release: Release, releases: str) -> None:
    SideIndexStore(releases).publish(ITEMS, release, 3, NOW)

    with fetched_side_index(releases, release.release_id, 3) as folder:
        side = load_side_index(folder, release)
    assert (side.version, side.vocabulary.item_ids) == (3, ("n0", "n1"))


def test_side_index_that_is_not_there_is_refused(release: Release, releases: str) -> None:
    with (
        pytest.raises(InvalidRelease),
        fetched_side_index(releases, release.release_id, 3) as folder,
    ):
        load_side_index(folder, release)


@pytest.mark.parametrize("changes", range(5))
def test_killed_before_any_step_of_publishing_there_is_no_side_index(
    release: Release, tmp_path: Path, changes: int
) -> None:
    releases = tmp_path / "built"
    store = SideIndexStore(str(releases))
    store._files = MortalFiles(changes)
    with pytest.raises(Killed):
        store.publish(ITEMS, release, 3, NOW)

    with pytest.raises(InvalidRelease, match="is no side index"):
        load_side_index(releases / side_index_folder(release.release_id, 3), release)


@pytest.mark.parametrize("changes", [1, 2])
def test_killed_on_the_way_of_removing_a_version_is_whole_or_no_side_index(
    release: Release, tmp_path: Path, changes: int
) -> None:
    releases = tmp_path / "built"
    store = SideIndexStore(str(releases))
    for version in range(1, KEPT_VERSIONS + 3):
        store.publish(ITEMS, release, version, NOW)
    store._files = MortalFiles(changes)
    with pytest.raises(Killed):
        store.remove_old(release.release_id, KEPT_VERSIONS + 2)

    left = [releases / side_index_folder(release.release_id, one) for one in versions(str(releases))]
    for folder in left[1:]:
        load_side_index(folder, release)
    if (left[0] / "manifest.json").exists():
        load_side_index(left[0], release)


def test_files_of_a_side_index_last_through_a_loss_of_power_before_its_manifest(
    release: Release, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with recorded_calls(monkeypatch) as calls:
        SideIndexStore(str(tmp_path / "shop")).publish(ITEMS, release, 3, NOW)
    (moment,) = [
        at for at, (name, _, to) in enumerate(calls) if name == "rename" and to.name == MANIFEST_FILE
    ]
    folder = calls[moment][2].parent
    before = [of for name, of, _ in calls[:moment] if name == "fsync"]
    assert {folder / name for name in SIDE_FILES} <= set(before)
    assert before[-1] == folder
    assert lost_at(calls, len(calls), tmp_path) == set()


def test_old_versions_are_removed_and_the_last_ones_kept(release: Release, releases: str) -> None:
    store = SideIndexStore(releases)
    for version in [1, 2, 4, 8, 16, 32, 64]:
        store.publish(ITEMS, release, version, NOW)

    assert store.remove_old(release.release_id, 64) == [1, 2]
    assert versions(releases) == [4, 8, 16, 32, 64]
    assert store.remove_old(release.release_id, 64) == []


def test_newer_versions_of_another_builder_stay(release: Release, releases: str) -> None:
    store = SideIndexStore(releases)
    for version in range(1, 9):
        store.publish(ITEMS, release, version, NOW)

    assert store.remove_old(release.release_id, 5) == []
    assert versions(releases) == list(range(1, 9))


def test_side_indexes_of_a_release_that_is_gone_are_removed(release: Release, tmp_path: Path) -> None:
    releases = tmp_path / "built"
    store = SideIndexStore(str(releases))
    assert store.remove_orphans() == []
    store.publish(ITEMS, release, 1, NOW)
    assert store.remove_orphans() == []

    (releases / "r1").rename(tmp_path / "elsewhere")

    assert store.remove_orphans() == ["r1"]
    assert not (releases / "side-indexes" / "r1").exists()


def test_folder_that_cannot_be_written_is_waited_for(release: Release, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    store = SideIndexStore(str(tmp_path / "file"))
    with pytest.raises(Unavailable):
        store.publish(ITEMS, release, 1, NOW)
    with pytest.raises(Unavailable):
        store.remove_old(release.release_id, 1)
    store._files = MortalFiles(0)
    store._files.invalidate_cache = None
    with pytest.raises(Unavailable):
        store.remove_orphans()


def test_unknown_protocol_is_told() -> None:
    with pytest.raises(UsageError, match="MILLRACE_RELEASES=nope://bucket"):
        SideIndexStore("nope://bucket")


def test_fetching_by_an_unknown_protocol_is_told(release: Release) -> None:
    with (
        pytest.raises(UsageError, match="MILLRACE_RELEASES=nope://bucket"),
        fetched_side_index("nope://bucket", release.release_id, 1),
    ):
        pass


def test_fetching_from_a_folder_that_is_away_is_waited_for(release: Release, tmp_path: Path) -> None:
    with (
        pytest.raises(Unavailable, match="is no folder on this machine"),
        fetched_side_index(str(tmp_path / "gone"), release.release_id, 1),
    ):
        pass
