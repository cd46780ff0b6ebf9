"""A release answers its probes as where it was built, or is not served."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from models.probe_answers import check_probes
from models.release import load_release
from schemas.errors import InvalidRelease
from schemas.release_probe import ReleaseProbes
from tests.probed_release import add_probes, made_probes, with_other_score
from tests.successor_release import successors, write_successor_release

ITEMS = [f"i{number}" for number in range(12)]
SESSIONS = [["i3"], ["i3", "i7"], ["i1"] * 5, ["i2", "i4", "i6", "i8"]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / write_successor_release(tmp_path, "r1", ITEMS)


def checked(folder: Path, probes: ReleaseProbes) -> int:
    add_probes(folder, probes)
    return check_probes(folder, load_release(folder))


def test_probe_holds_the_list_that_is_served(folder: Path) -> None:
    probes = made_probes(folder, SESSIONS).probes
    assert [list(one.list_items) for one in probes] == [successors(ITEMS, one, 10) for one in SESSIONS]
    assert probes[1].list_scores[:2] == (1.0, 0.5)
    assert (probes[0].encoder_state, len(probes[1].encoder_state)) == (b"", 24)


def test_release_answers_its_own_probes(folder: Path) -> None:
    assert checked(folder, made_probes(folder, SESSIONS)) == 4


def test_release_without_probes_is_asked_none(folder: Path) -> None:
    assert check_probes(folder, load_release(folder)) == 0


def test_difference_names_probe_rank_item_and_scores(folder: Path) -> None:
    probes = with_other_score(made_probes(folder, SESSIONS), number=2, add=0.25)
    with pytest.raises(
        InvalidRelease,
        match=r"release r1 gives .*: probe 2 of 4, rank 1: item i8 has the score 1, not 1\.25; ",
    ):
        checked(folder, probes)


def test_difference_within_the_tolerance_is_none(folder: Path) -> None:
    assert checked(folder, with_other_score(made_probes(folder, SESSIONS), number=2, add=0.0009)) == 4


def test_probes_that_cannot_be_read_are_told(folder: Path) -> None:
    probes = made_probes(folder, SESSIONS)
    with pytest.raises(InvalidRelease, match=r"probes\.msgpack: probes of version 9; version 1 is known"):
        checked(folder, replace(probes, schema_version=9))
