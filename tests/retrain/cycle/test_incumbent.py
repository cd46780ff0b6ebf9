"""The store of the running release, and when a training begins from scratch."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from retrain.cycle.incumbent_steps import check_store, scratch_is_due
from schemas.errors import Unavailable, UsageError
from schemas.release_manifest import Lineage, ReleaseManifest
from tests.schemas.golden_values import RELEASE_MANIFEST_V1


def test_store_is_there_or_told(tmp_path: Path) -> None:
    check_store(str(tmp_path))
    with pytest.raises(Unavailable, match="is not there now"):
        check_store(str(tmp_path / "gone"))
    with pytest.raises(UsageError, match="MILLRACE_RELEASES=nothing://bucket"):
        check_store("nothing://bucket")


def test_training_is_from_scratch_where_the_incumbent_has_enough_warm_ones_behind_it() -> None:
    def after(warm_cycles: int) -> ReleaseManifest:
        return replace(RELEASE_MANIFEST_V1, lineage=Lineage(warm_cycles=warm_cycles))

    assert not scratch_is_due(RELEASE_MANIFEST_V1, 2), "made before lineages were recorded"
    assert scratch_is_due(RELEASE_MANIFEST_V1, 1)
    assert scratch_is_due(after(2), 3)
    assert not scratch_is_due(after(1), 3)
