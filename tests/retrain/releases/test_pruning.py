"""Pruning a folder and an object store; killed at any step, a release is whole or does not exist."""

import os
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import fsspec
import pytest
from msgspec.structs import replace

from retrain.releases.pruning import prune_releases, remove_release
from retrain.releases.release_catalogue import list_releases, list_unfinished, verify_release
from retrain.releases.release_promotion import promote
from retrain.settings import ReleaseSettings
from schemas.errors import InvalidRelease, Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE, decode_release_manifest, encode_release_manifest
from tests.failing_store import FailingStore, upload
from tests.release_builder import write_release_tables
from tests.services.kafka_broker import Kafka

OLD = ReleaseId("gru4rec-20260102T030405000000Z-00000000")
OTHER = ReleaseId("r2")
FILES = 6
"""Of a release of the builder, its manifest included."""


class Killed(BaseException):
    """The end of the process."""


@pytest.fixture(params=["folder", "object store"])
def releases(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Two releases, and what lies beside releases."""
    for release_id in (OLD, OTHER):
        write_release_tables(tmp_path, release_id, ["a", "b"])
    path = tmp_path / OLD / MANIFEST_FILE
    old = decode_release_manifest(path.read_bytes())
    path.write_bytes(encode_release_manifest(replace(old, created_at=old.created_at - timedelta(days=1))))
    for beside in ("runs/train-1", "side-indexes/r2/7"):
        (tmp_path / beside).mkdir(parents=True)
        (tmp_path / beside / "file").write_text("not ours")
    if request.param == "folder":
        yield str(tmp_path)
        return
    bucket = f"bucket-{uuid.uuid4().hex}"
    fsspec.filesystem("memory").put(str(tmp_path), f"/{bucket}", recursive=True)
    yield f"memory://{bucket}"
    fsspec.filesystem("memory").rm(f"/{bucket}", recursive=True)


def kill_at(step: int) -> Callable[[str], None]:
    """Kills before the removal of the file of this number."""
    seen: list[str] = []

    def before_each(path: str) -> None:
        if len(seen) == step:
            raise Killed(path)
        seen.append(path)

    return before_each


def names(releases: str) -> set[str]:
    files, root = fsspec.core.url_to_fs(releases)
    return {path.rstrip("/").rpartition("/")[2] for path in files.ls(root, detail=False)}


def test_removed_release_leaves_nothing_and_the_others_are_whole(releases: str) -> None:
    remove_release(releases, OLD)
    assert names(releases) == {OTHER, "runs", "side-indexes"}
    verify_release(releases, OTHER)


@pytest.mark.parametrize("step", range(FILES))
def test_removal_that_is_killed_leaves_a_whole_release_or_none_and_the_next_ends_it(
    releases: str, step: int
) -> None:
    with pytest.raises(Killed):
        remove_release(releases, OLD, kill_at(step))
    if step == 0:
        verify_release(releases, OLD)
        assert list_unfinished(releases) == []
    else:
        assert [release.release_id for release in list_releases(releases)] == [OTHER]
        with pytest.raises(InvalidRelease, match="no release"):
            verify_release(releases, OLD)
        assert [folder.release_id for folder in list_unfinished(releases)] == [OLD]
    remove_release(releases, OLD)
    assert names(releases) == {OTHER, "runs", "side-indexes"}


def test_manifest_is_removed_first(releases: str) -> None:
    removed: list[str] = []
    remove_release(releases, OLD, removed.append)
    assert len(removed) == FILES
    assert removed[0].endswith(f"/{MANIFEST_FILE}")


def test_what_lies_beside_releases_is_no_unfinished_release(releases: str) -> None:
    assert list_unfinished(releases) == []


def test_unfinished_folder_tells_when_it_was_written_last(tmp_path: Path) -> None:
    write_release_tables(tmp_path, OLD, ["a"])
    folder = tmp_path / OLD
    (folder / MANIFEST_FILE).unlink()
    then = datetime(2026, 5, 1, tzinfo=UTC)
    for at, path in enumerate(sorted(folder.iterdir())):
        moment = (then - timedelta(hours=at)).timestamp()
        os.utime(path, (moment, moment))
    assert list_unfinished(str(tmp_path)) == [(OLD, then)]
    for path in folder.iterdir():
        path.unlink()
    os.utime(folder, (then.timestamp(), then.timestamp()))
    assert list_unfinished(str(tmp_path)) == [(OLD, then)]


def test_store_that_breaks_off_is_unavailable(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_release_tables(tmp_path, "r1", ["a"])
    store = upload(tmp_path)
    monkeypatch.setattr(FailingStore, "_rm", _refuse)
    with pytest.raises(Unavailable, match="connection lost"):
        remove_release(store, ReleaseId("r1"))


def _refuse(*_: object) -> None:
    raise ConnectionError("connection lost")


def test_folder_that_cannot_be_removed_is_told(tmp_path: Path) -> None:
    write_release_tables(tmp_path, "r1", ["a"])

    def no_permission(path: str) -> None:
        raise PermissionError(path)

    with pytest.raises(UsageError, match=r"r1: the release cannot be removed .*; check its permissions"):
        remove_release(str(tmp_path), ReleaseId("r1"), no_permission)


def test_release_that_is_gone_already_is_no_trouble(releases: str) -> None:
    remove_release(releases, ReleaseId("r9"))


def test_store_that_does_not_tell_times_leaves_unfinished_folders_undated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_release_tables(tmp_path, OLD, ["a"])
    (tmp_path / OLD / MANIFEST_FILE).unlink()
    store = upload(tmp_path)
    monkeypatch.setattr(FailingStore, "modified", _without_times, raising=False)
    assert list_unfinished(store) == [(OLD, None)]
    monkeypatch.setattr(FailingStore, "modified", _refuse)
    with pytest.raises(Unavailable, match="connection lost"):
        list_unfinished(store)


def _without_times(*_: object) -> None:
    raise NotImplementedError


class ConnectingStore(FailingStore):
    """An object store whose client connects when it is made."""

    protocol = "connecting"

    def __init__(self, **_: object) -> None:
        raise ConnectionError("connection refused")


def test_store_that_refuses_the_connection_is_unavailable() -> None:
    fsspec.register_implementation("connecting", ConnectingStore, clobber=True)
    with pytest.raises(Unavailable, match="connection refused"):
        remove_release("connecting://bucket", OLD)


@pytest.fixture
def settings(kafka: Kafka, prefix: str, releases: str) -> ReleaseSettings:
    return ReleaseSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        releases_topic=kafka.create_topic(f"{prefix}releases", partitions=1),
        releases=releases,
        releases_keep=1,
        releases_keep_days=0,
    )


def test_release_that_nothing_keeps_is_removed_and_the_announced_one_stays(settings: ReleaseSettings) -> None:
    promote(settings, OTHER)
    now = datetime(2027, 1, 1, tzinfo=UTC)
    assert [fate.release_id for fate in prune_releases(settings, now, dry_run=True) if not fate.kept] == [OLD]
    verify_release(settings.releases, OLD)
    assert (OLD, "a worker serves it") in prune_releases(settings, now, in_use=[OLD])
    prune_releases(settings, now)
    assert names(settings.releases) == {OTHER, "runs", "side-indexes"}


def test_release_that_a_rollback_goes_to_survives_the_strictest_policy(settings: ReleaseSettings) -> None:
    promote(settings, OLD)
    promote(settings, OTHER)
    fates = prune_releases(settings, datetime(2027, 1, 1, tzinfo=UTC))
    assert (OLD, "a rollback goes to it") in fates
    verify_release(settings.releases, OLD)


def test_leftover_of_a_killed_removal_is_removed_when_it_is_old(settings: ReleaseSettings) -> None:
    promote(settings, OTHER)
    with pytest.raises(Killed):
        remove_release(settings.releases, OLD, kill_at(2))
    young = prune_releases(settings, datetime.now(UTC))
    assert (OLD, "no manifest yet: it is being published") in young
    late = datetime.now(UTC) + timedelta(days=2)
    assert (OLD, "") in prune_releases(settings, late, dry_run=True)
    assert OLD in names(settings.releases)
    prune_releases(settings, late)
    assert names(settings.releases) == {OTHER, "runs", "side-indexes"}


def test_nothing_is_removed_where_nothing_was_announced(settings: ReleaseSettings) -> None:
    with pytest.raises(UsageError, match="nothing was announced"):
        prune_releases(settings, datetime(2027, 1, 1, tzinfo=UTC))
    assert len(list_releases(settings.releases)) == 2
