"""Which releases are kept: whatever may still be served, and what the settings say."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.releases.release_catalogue import ListedRelease, UnfinishedRelease
from retrain.releases.retention import Policy, decide
from retrain.releases.rollback_target import search_rollback
from schemas.gate_report import GateReport
from schemas.ids import ReleaseId
from tests.retrain.releases.judged_releases import PASSED, REFUSED, history, listed

NOW = datetime(2026, 5, 31, tzinfo=UTC)
START = NOW - timedelta(days=20)
BARELY = Policy(keep=1, keep_days=0)


def days_ago(days: float) -> datetime:
    return NOW - timedelta(days=days)


def kept(
    there: Sequence[ListedRelease],
    ran: Sequence[str],
    policy: Policy = BARELY,
    in_use: Sequence[str] = (),
    step_days: float = 1,
) -> dict[str, str]:
    announced = history(*ran, start=START, step_days=step_days)
    fates = decide(there, [], announced, [ReleaseId(name) for name in in_use], policy, NOW)
    assert {fate.release_id for fate in fates} == {release.release_id for release in there}
    return {fate.release_id: fate.kept for fate in fates if fate.kept}


SIX = [listed(f"r{at}", days_ago(20 - at), PASSED) for at in range(1, 7)]


def test_announced_release_the_one_before_it_and_the_newest_are_kept() -> None:
    assert kept(SIX, ["r1", "r2", "r3"]) == {
        "r3": "it is the announced one",
        "r2": "a rollback goes to it",
        "r6": "one of the 1 newest that passed",
    }


def test_release_that_a_rollback_would_go_to_is_kept_though_it_is_not_the_one_before() -> None:
    there = [listed("r1", days_ago(9), PASSED), listed("r2", days_ago(8), REFUSED), *SIX[2:]]
    why = kept(there, ["r1", "r2", "r3"])
    assert (why["r1"], why["r2"]) == ("a rollback goes to it", "it was announced before")


def test_release_that_a_worker_serves_is_kept() -> None:
    assert kept(SIX, ["r1", "r2", "r3", "r4"], in_use=["r1"])["r1"] == "a worker serves it"


def test_refused_releases_do_not_count_among_the_newest() -> None:
    there = [*SIX, listed("r7", days_ago(10), REFUSED)]
    newest = kept(there, ["r1", "r2"], Policy(keep=2, keep_days=0))
    assert newest.keys() == {"r1", "r2", "r5", "r6"}


def test_young_release_is_kept_though_refused() -> None:
    there = [*SIX, listed("r7", days_ago(1), REFUSED)]
    assert kept(there, ["r1", "r2"], Policy(keep=1, keep_days=2))["r7"] == "made within 2 days"


def test_release_that_was_announced_lately_is_kept() -> None:
    there = [listed("r0", days_ago(90), PASSED), *SIX]
    assert "r0" not in kept(there, ["r0", "r1", "r2"], Policy(keep=1, keep_days=19.5))
    assert kept(there, ["r0", "r1", "r2"], Policy(keep=1, keep_days=20))["r0"] == "announced within 20 days"


def test_release_whose_manifest_cannot_be_read_is_kept() -> None:
    there = [*SIX, ListedRelease(ReleaseId("later"), None, "of version 2")]
    assert kept(there, ["r1", "r2"])["later"] == "its manifest cannot be read"


@pytest.mark.parametrize(
    ("written_at", "why"),
    [
        (NOW - timedelta(hours=1), "no manifest yet: it is being published"),
        (NOW - timedelta(hours=25), ""),
        (None, "no manifest, and when it was written is not known"),
    ],
)
def test_folder_without_a_manifest_is_removed_when_it_is_old(written_at: datetime | None, why: str) -> None:
    unfinished = [UnfinishedRelease(ReleaseId("r9"), written_at)]
    assert decide(SIX, unfinished, history("r1", start=START), [], BARELY, NOW)[-1] == ("r9", why)


@given(
    gates=st.lists(st.sampled_from([PASSED, REFUSED, None]), min_size=1, max_size=8),
    ran=st.lists(st.integers(0, 7), min_size=1, max_size=8),
    keep=st.integers(1, 4),
    keep_days=st.floats(0, 30),
)
def test_no_policy_removes_what_runs_nor_what_a_rollback_goes_to(
    gates: list[GateReport | None], ran: list[int], keep: int, keep_days: float
) -> None:
    there = [listed(f"r{at}", days_ago(20 - at), gate) for at, gate in enumerate(gates)]
    names = [f"r{at % len(there)}" for at in ran]
    announced = history(*names, start=START)
    fates = decide(there, [], announced, [], Policy(keep, keep_days), NOW)
    removed = {fate.release_id for fate in fates if not fate.kept}
    assert names[-1] not in removed
    assert search_rollback(announced, there).target not in removed
    left = [release for release in there if release.release_id not in removed]
    assert search_rollback(announced, left).target == search_rollback(announced, there).target
