"""The running release as a cycle gets it: copied whole and verified, or not at all."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from retrain.cycle.incumbent_steps import check_store, fetch_release, scratch_is_due
from schemas.cycle_status import CycleSummary
from schemas.errors import InvalidRelease, Unavailable, UsageError
from schemas.retrain_cycle import Outcome
from tests.failing_store import FailingStore, fail_on, upload
from tests.release_builder import corrupt, write_release_tables
from tests.schemas.golden_values import RELEASE_MANIFEST_V1


@pytest.fixture(autouse=True)
def _working_store() -> Iterator[None]:
    yield
    FailingStore.trouble = staticmethod(lambda _: None)


def test_release_of_an_object_store_is_copied_once(tmp_path: Path) -> None:
    release_id = write_release_tables(tmp_path / "store", "r1", ["a", "b"])
    store = upload(tmp_path / "store")
    folder = fetch_release(store, release_id, tmp_path / "here")
    assert {path.name for path in folder.iterdir()} == {
        path.name for path in (tmp_path / "store" / "r1").iterdir()
    }
    FailingStore.trouble = staticmethod(fail_on("vectors"))
    assert fetch_release(store, release_id, tmp_path / "here") == folder


def test_store_that_breaks_off_is_waited_for_and_gone_on_with(tmp_path: Path) -> None:
    release_id = write_release_tables(tmp_path / "store", "r1", ["a", "b"])
    store = upload(tmp_path / "store")
    FailingStore.trouble = staticmethod(fail_on("vocabulary"))
    with pytest.raises(Unavailable, match="connection lost"):
        fetch_release(store, release_id, tmp_path / "here")
    FailingStore.trouble = staticmethod(lambda _: None)
    fetch_release(store, release_id, tmp_path / "here")


def test_corrupt_release_is_refused(tmp_path: Path) -> None:
    release_id = write_release_tables(tmp_path / "store", "r1", ["a", "b"])
    corrupt(tmp_path / "store", release_id)
    with pytest.raises(InvalidRelease, match=r"release r1: item_vectors\.npy is corrupt"):
        fetch_release(str(tmp_path / "store"), release_id, tmp_path / "here")


def test_incomplete_release_is_refused(tmp_path: Path) -> None:
    release_id = write_release_tables(tmp_path / "store", "r1", ["a", "b"])
    (tmp_path / "store" / "r1" / "item_vectors.npy").unlink()
    with pytest.raises(InvalidRelease, match=r"item_vectors\.npy is missing"):
        fetch_release(str(tmp_path / "store"), release_id, tmp_path / "here")


def test_store_is_there_or_told(tmp_path: Path) -> None:
    check_store(str(tmp_path))
    with pytest.raises(Unavailable, match="is not there now"):
        check_store(str(tmp_path / "gone"))
    with pytest.raises(UsageError, match="MILLRACE_RELEASES=nothing://bucket"):
        check_store("nothing://bucket")


def a_cycle(outcome: Outcome, *, warm: bool) -> CycleSummary:
    at = RELEASE_MANIFEST_V1.created_at
    return CycleSummary(
        cycle_id="c", trigger="test", started_at=at, ended_at=at, outcome=outcome, warm_start=warm
    )


def test_only_releases_that_ran_count_for_the_next_training_from_scratch() -> None:
    warm, scratch = a_cycle("running", warm=True), a_cycle("running", warm=False)
    refused = a_cycle("refused", warm=True)
    assert not scratch_is_due([], 2)
    assert scratch_is_due([], 1)
    assert scratch_is_due([warm, refused, warm, scratch, warm], 3)
    assert not scratch_is_due([refused, warm, refused, scratch], 3)
