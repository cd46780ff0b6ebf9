"""What a cycle takes over from one that is not gone on with: the requests that nobody has answered."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from models.model_config import ModelConfig
from retrain.cycle.cycle_display import NoDisplay
from retrain.cycle.cycle_opening import CyclePlan, open_cycle
from retrain.cycle.cycle_parts import CycleParts, Window
from retrain.cycle.work_folder import WorkFolder
from retrain.settings import RetrainSettings
from schemas.retrain_cycle import CycleRecord, Step
from tests.retrain.cycle.test_work_folder import RECORD


def never_read() -> Window:
    raise AssertionError("opening a cycle reads no events")


def opened_after(found: CycleRecord, folder: Path) -> CycleRecord:
    """The cycle that --restart begins in place of another."""
    work = WorkFolder(folder)
    work.save(found)
    parts = CycleParts(RetrainSettings(retrain_work=folder), work, NoDisplay(), never_read)
    return open_cycle(parts, CyclePlan("test", ModelConfig(), found.source, restart=True))


@pytest.mark.parametrize(
    ("request_ids", "last", "carried", "from_scratch"),
    [(["r1"], "train", ["r1"], True), ([], "train", [], False), (["r1"], "mark", [], False)],
)
def test_requests_of_an_abandoned_cycle_are_answered_as_they_wanted_it(
    tmp_path: Path, request_ids: list[str], last: Step, carried: list[str], from_scratch: bool
) -> None:
    found = replace(RECORD, from_scratch=True, request_ids=request_ids, done={last: 1.0}, release_id="r")
    opened = opened_after(found, tmp_path)
    assert (opened.request_ids, opened.from_scratch) == (carried, from_scratch)
    assert opened.cycle_id != found.cycle_id
