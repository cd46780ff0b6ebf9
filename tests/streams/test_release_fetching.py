"""`fetch_release`: in place from a local folder, verified copies from an object store."""

import errno
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from models.release import VECTORS_FILE, load_tables, read_manifest
from models.trainable_weights import WEIGHTS_FILE
from schemas.errors import InvalidRelease, Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.release_manifest import MANIFEST_FILE, FileDigest, encode_release_manifest
from streams.release_cache import KEPT_COPIES
from streams.release_fetching import fetch_release, may_pass
from tests.failing_store import FailingStore, fail_on, upload
from tests.release_builder import a_manifest, corrupt, write_release_tables

R1 = ReleaseId("r1")


@pytest.fixture
def store(tmp_path: Path) -> Iterator[str]:
    """An object store with the release r1."""
    write_release_tables(tmp_path / "built", "r1", ["a", "b", "c"])
    bucket = f"bucket-{uuid.uuid4().hex}"
    files = fsspec.filesystem("memory")
    files.put(str(tmp_path / "built"), f"/{bucket}/releases", recursive=True)
    yield f"memory://{bucket}/releases"
    files.rm(f"/{bucket}", recursive=True)


def put(store: str, name: str, content: bytes) -> None:
    fsspec.filesystem("memory").pipe_file(f"{store}/{name}", content)


def test_local_release_is_used_in_place(tmp_path: Path) -> None:
    write_release_tables(tmp_path, "r1", ["a", "b"])
    assert fetch_release(str(tmp_path), R1, tmp_path / "cache") == tmp_path / "r1"
    assert fetch_release(f"file://{tmp_path}", R1, tmp_path / "cache") == tmp_path / "r1"
    assert not (tmp_path / "cache").exists()


def test_release_from_a_store_is_copied_whole(store: str, tmp_path: Path) -> None:
    folder = fetch_release(store, R1, tmp_path / "cache")
    assert folder == tmp_path / "cache" / "r1"
    assert load_tables(folder).vocabulary.item_ids == ("a", "b", "c")
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["r1"]


def test_what_trainings_alone_read_stays_in_the_store(store: str, tmp_path: Path) -> None:
    manifest = read_manifest(tmp_path / "built" / "r1")
    manifest.files[WEIGHTS_FILE] = FileDigest("00" * 32, 10**18)
    put(store, f"r1/{MANIFEST_FILE}", encode_release_manifest(manifest))
    put(store, f"r1/{WEIGHTS_FILE}", b"weights")
    folder = fetch_release(store, R1, tmp_path / "cache")
    assert load_tables(folder).release_id == "r1"
    assert not (folder / WEIGHTS_FILE).exists()


def test_cached_release_is_not_copied_again(store: str, tmp_path: Path) -> None:
    folder = fetch_release(store, R1, tmp_path / "cache")
    fsspec.filesystem("memory").rm_file(f"{store}/r1/{VECTORS_FILE}")
    assert fetch_release(store, R1, tmp_path / "cache") == folder


def copies(cache: Path) -> set[str]:
    """What lies in a cache."""
    return {path.name for path in cache.iterdir()}


def test_cache_keeps_the_copies_that_were_wanted_last(tmp_path: Path) -> None:
    bucket, cache = f"memory://bucket-{uuid.uuid4().hex}", tmp_path / "cache"
    names = [f"r{number}" for number in range(KEPT_COPIES + 2)]
    for name in names:
        write_release_tables(tmp_path / "built", name, ["a"])
    fsspec.filesystem("memory").put(str(tmp_path / "built"), bucket.removeprefix("memory:/"), recursive=True)
    for name in names[:-1]:
        fetch_release(bucket, ReleaseId(name), cache)
        fetch_release(bucket, ReleaseId("r0"), cache)
    assert copies(cache) == {"r0", *names[2:-1]}
    write_release_tables(cache, "of-somebody-else", ["a"])
    fetch_release(bucket, ReleaseId(names[-1]), cache)
    assert copies(cache) == {"r0", *names[3:], "of-somebody-else"}
    fsspec.filesystem("memory").rm(bucket.removeprefix("memory:/"), recursive=True)


@pytest.mark.parametrize("harm", ["changed", "missing", "without manifest"])
def test_broken_cache_is_replaced(store: str, tmp_path: Path, harm: str) -> None:
    folder = fetch_release(store, R1, tmp_path / "cache")
    match harm:
        case "changed":
            corrupt(tmp_path / "cache", R1)
        case "missing":
            (folder / VECTORS_FILE).unlink()
        case _:
            (folder / MANIFEST_FILE).unlink()
    assert load_tables(fetch_release(store, R1, tmp_path / "cache")).release_id == R1
    assert [path.name for path in (tmp_path / "cache").iterdir()] == ["r1"]


def test_release_without_manifest_does_not_exist(store: str, tmp_path: Path) -> None:
    for releases in (store, str(tmp_path)):
        with pytest.raises(InvalidRelease, match=r"has no manifest\.json"):
            fetch_release(releases, ReleaseId("r2"), tmp_path / "cache")


def test_copy_that_differs_from_its_manifest_is_refused(store: str, tmp_path: Path) -> None:
    put(store, f"r1/{VECTORS_FILE}", b"other bytes")
    with pytest.raises(InvalidRelease, match=f"{VECTORS_FILE} is corrupt"):
        fetch_release(store, R1, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_file_that_the_store_lacks_is_named(store: str, tmp_path: Path) -> None:
    fsspec.filesystem("memory").rm_file(f"{store}/r1/{VECTORS_FILE}")
    with pytest.raises(InvalidRelease, match=f"{VECTORS_FILE} is missing"):
        fetch_release(store, R1, tmp_path / "cache")


@pytest.mark.parametrize("manifest", [b"{}", b"\xff"])
def test_unreadable_manifest_is_refused(store: str, tmp_path: Path, manifest: bytes) -> None:
    put(store, f"r1/{MANIFEST_FILE}", manifest)
    with pytest.raises(InvalidRelease, match=MANIFEST_FILE):
        fetch_release(store, R1, tmp_path / "cache")


@pytest.mark.parametrize("release_id", ["", "..", "a/b", "a\\b", "a\0b"])
def test_release_id_that_leads_elsewhere_is_refused(tmp_path: Path, release_id: str) -> None:
    with pytest.raises(InvalidRelease, match="plain name"):
        fetch_release(str(tmp_path), ReleaseId(release_id), tmp_path / "cache")


def test_file_name_that_leads_elsewhere_is_refused(store: str, tmp_path: Path) -> None:
    manifest = a_manifest("r1", files={"../../escaped": FileDigest("00" * 32, 1)})
    put(store, f"r1/{MANIFEST_FILE}", encode_release_manifest(manifest))
    with pytest.raises(InvalidRelease, match="plain name"):
        fetch_release(store, R1, tmp_path / "cache")


def test_unknown_protocol_is_a_wrong_setting(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="MILLRACE_RELEASES=nope://bucket"):
        fetch_release("nope://bucket", R1, tmp_path / "cache")


def test_store_that_does_not_answer_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1"):
        fetch_release("http://127.0.0.1:9/releases", R1, tmp_path / "cache")


@pytest.mark.parametrize("part", [MANIFEST_FILE, VECTORS_FILE])
def test_connection_that_breaks_is_unavailable_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    write_release_tables(tmp_path / "built", "r1", ["a", "b"])
    store = upload(tmp_path / "built")
    monkeypatch.setattr(FailingStore, "trouble", staticmethod(fail_on(part)))
    with pytest.raises(Unavailable, match="connection lost"):
        fetch_release(store, R1, tmp_path / "cache")
    assert not (tmp_path / "cache" / R1).exists()


def test_copy_of_a_quicker_process_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_release_tables(tmp_path / "built", "r1", ["a", "b"])
    store = upload(tmp_path / "built")
    target = tmp_path / "cache" / R1

    def other_process(path: str) -> None:
        if path.endswith(VECTORS_FILE) and not target.exists():
            shutil.copytree(tmp_path / "built" / R1, target)

    monkeypatch.setattr(FailingStore, "trouble", staticmethod(other_process))
    assert fetch_release(store, R1, tmp_path / "cache") == target
    assert [path.name for path in (tmp_path / "cache").iterdir()] == [R1]


def test_cache_that_cannot_be_written_is_told_by_the_system(store: str, tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(FileExistsError, match="cache"):
        fetch_release(store, R1, tmp_path / "cache")


def test_release_that_is_larger_than_the_disk_is_not_copied(store: str, tmp_path: Path) -> None:
    manifest = a_manifest("r1", files={VECTORS_FILE: FileDigest("00" * 32, 10**18)})
    put(store, f"r1/{MANIFEST_FILE}", encode_release_manifest(manifest))
    with pytest.raises(OSError, match=r"no room in .*: 1000000000000000000 bytes are needed"):
        fetch_release(store, R1, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []


def test_folder_that_is_not_there_is_unavailable(tmp_path: Path) -> None:
    with pytest.raises(Unavailable, match="mount it, or set MILLRACE_RELEASES"):
        fetch_release(str(tmp_path / "unmounted"), R1, tmp_path / "cache")


def caused_by(cause: Exception) -> InvalidRelease:
    error = InvalidRelease("r1: vectors cannot be read")
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (Unavailable("the store does not answer"), True),
        (OSError(errno.ENOSPC, "no space left"), True),
        (MemoryError(), True),
        (caused_by(OSError(errno.EIO, "input/output error")), True),
        (caused_by(FileNotFoundError()), False),
        (InvalidRelease("r1: vectors are corrupt"), False),
        (ValueError("a bug"), False),
    ],
)
def test_trouble_of_the_machine_may_pass_and_that_of_the_release_does_not(
    error: Exception, passes: bool
) -> None:
    assert may_pass(error) is passes
