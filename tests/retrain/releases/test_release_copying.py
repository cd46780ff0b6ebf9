"""A release as a local copy: whole and verified, or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrain.releases.release_copying import local_release
from schemas.errors import InvalidRelease, Unavailable
from tests.failing_store import FailingStore, fail_on, upload
from tests.release_builder import corrupt, write_release_tables


@pytest.fixture(autouse=True)
def _working_store() -> Iterator[None]:
    yield
    FailingStore.trouble = staticmethod(lambda _: None)


def test_release_of_an_object_store_is_copied_once(tmp_path: Path) -> None:
    release_id = write_release_tables(tmp_path / "store", "r1", ["a", "b"])
    store = upload(tmp_path / "store")
    folder = local_release(store, release_id, tmp_path / "here", in_place=False)
    assert {path.name for path in folder.iterdir()} == {
        path.name for path in (tmp_path / "store" / "r1").iterdir()
    }
    FailingStore.trouble = staticmethod(fail_on("vectors"))
    assert local_release(store, release_id, tmp_path / "here", in_place=False) == folder


def test_store_that_breaks_off_is_waited_for_and_gone_on_with(tmp_path: Path) -> None:
    release_id = write_release_tables(tmp_path / "store", "r1", ["a", "b"])
    store = upload(tmp_path / "store")
    FailingStore.trouble = staticmethod(fail_on("vocabulary"))
    with pytest.raises(Unavailable, match="connection lost"):
        local_release(store, release_id, tmp_path / "here", in_place=False)
    FailingStore.trouble = staticmethod(lambda _: None)
    local_release(store, release_id, tmp_path / "here", in_place=False)


@pytest.mark.parametrize("name", ["manifest.json", "item_vectors.npy"])
def test_copy_that_was_broken_off_is_made_anew(tmp_path: Path, name: str) -> None:
    release_id = write_release_tables(tmp_path / "store", "r1", ["a", "b"])
    store, here = str(tmp_path / "store"), tmp_path / "here"
    folder = local_release(store, release_id, here, in_place=False)
    (folder / name).write_bytes(b"")
    assert local_release(store, release_id, here, in_place=False) == folder
    assert (folder / name).read_bytes() == (tmp_path / "store" / "r1" / name).read_bytes()


def test_corrupt_release_is_refused(tmp_path: Path) -> None:
    release_id = write_release_tables(tmp_path / "store", "r1", ["a", "b"])
    corrupt(tmp_path / "store", release_id)
    with pytest.raises(InvalidRelease, match=r"release r1: item_vectors\.npy is corrupt"):
        local_release(str(tmp_path / "store"), release_id, tmp_path / "here", in_place=False)


def test_incomplete_release_is_refused(tmp_path: Path) -> None:
    release_id = write_release_tables(tmp_path / "store", "r1", ["a", "b"])
    (tmp_path / "store" / "r1" / "item_vectors.npy").unlink()
    with pytest.raises(InvalidRelease, match=r"item_vectors\.npy is missing"):
        local_release(str(tmp_path / "store"), release_id, tmp_path / "here", in_place=False)
