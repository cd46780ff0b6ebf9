"""Where a rollback goes: the last release that ran before and that the gate passed."""

from datetime import UTC, datetime

import pytest

from retrain.releases.release_catalogue import ListedRelease
from retrain.releases.rollback_target import abandoned, search_rollback
from schemas.ids import ReleaseId
from tests.retrain.releases.judged_releases import PASSED, REFUSED, history, listed

START = datetime(2026, 5, 1, tzinfo=UTC)
FOUR = [listed(name, START, PASSED) for name in ("r1", "r2", "r3", "r4")]


def target(*ran: str, there: list[ListedRelease] | None = None, not_to: set[str] | None = None) -> str | None:
    left = {ReleaseId(name) for name in not_to or ()}
    return search_rollback(history(*ran, start=START), FOUR if there is None else there, left).target


@pytest.mark.parametrize(
    ("ran", "expected"),
    [
        ((), None),
        (("r1",), None),
        (("r1", "r1"), None),
        (("r1", "r2"), "r1"),
        (("r1", "r2", "r2"), "r1"),
        (("r1", "r2", "r3"), "r2"),
        (("r1", "r2", "r1"), "r2"),
        (("r1", "r2", "r1", "r3"), "r1"),
    ],
)
def test_rollback_goes_to_the_release_that_ran_last_before(
    ran: tuple[str, ...], expected: str | None
) -> None:
    assert target(*ran) == expected


def test_release_that_the_gate_refused_is_passed_over_and_named() -> None:
    there = [listed("r1", START, PASSED), listed("r2", START, REFUSED), listed("r3", START)]
    search = search_rollback(history("r1", "r2", "r3", start=START), there)
    assert search == ("r1", {"r2": "the gate refused it (recall_loss)"})


def test_release_that_was_never_judged_counts_as_passed() -> None:
    assert target("r1", "r2", there=[listed("r1", START), listed("r2", START)]) == "r1"


def test_release_that_is_gone_or_unreadable_is_passed_over_and_named() -> None:
    there = [listed("r1", START), ListedRelease(ReleaseId("r2"), None, "no JSON"), listed("r4", START)]
    search = search_rollback(history("r1", "r2", "r3", "r4", start=START), there)
    assert search == ("r1", {"r3": "it is gone", "r2": "it cannot be read: no JSON"})
    assert search_rollback(history("r1", "r2", start=START), []) == (None, {"r1": "it is gone"})


def test_last_announcement_alone_names_where_to_go_back_to() -> None:
    (_, _, last) = history("r1", "r2", "r3", start=START)
    assert search_rollback([last], FOUR).target == "r2"


def test_release_that_was_left_by_a_rollback_is_no_target_of_the_automatic_one() -> None:
    ran = ("r1", "r2", "r1")
    assert abandoned(history(*ran, start=START)) == {"r2"}
    assert target(*ran, not_to={"r2"}) is None
    assert target(*ran, "r3", not_to={"r2"}) == "r1"


@pytest.mark.parametrize(
    ("ran", "left"),
    [
        (("r1", "r2", "r3"), set()),
        (("r1", "r1"), set()),
        (("r1", "r2", "r3", "r1"), {"r2", "r3"}),
        (("r1", "r2", "r1", "r2"), {"r1"}),
        (("r1", "r2", "r1", "r3"), {"r2"}),
    ],
)
def test_abandoned_releases_are_those_that_were_left_for_an_earlier_one(
    ran: tuple[str, ...], left: set[str]
) -> None:
    assert abandoned(history(*ran, start=START)) == left
