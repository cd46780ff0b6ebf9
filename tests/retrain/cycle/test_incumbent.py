"""The store of the running release, and when a training begins from scratch."""

from pathlib import Path

import pytest

from retrain.cycle.incumbent_steps import check_store, scratch_is_due
from schemas.cycle_status import CycleSummary
from schemas.errors import Unavailable, UsageError
from schemas.retrain_cycle import Outcome
from tests.schemas.golden_values import RELEASE_MANIFEST_V1


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
