"""Differences of counts that only rise: over several workers, restarts and workers that go."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from retrain.release_watch.watch_evidence import WatchEvidence
from schemas.ids import ReleaseId
from schemas.worker_heartbeat import OnlineCounts, WorkerHeartbeat

OLD, NEW = ReleaseId("old"), ReleaseId("new")
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def a_beat(worker: str, started_h: float = -5, at_h: float = 0, **online: OnlineCounts) -> WorkerHeartbeat:
    return WorkerHeartbeat(
        worker_id=worker,
        at=NOON + timedelta(hours=at_h),
        started_at=NOON + timedelta(hours=started_h),
        ready=True,
        online={ReleaseId(name): counts for name, counts in online.items()},
    )


def events(count: int) -> OnlineCounts:
    return OnlineCounts(events=count, predictions=count, hits=count // 2)


def test_counts_are_what_came_since_the_watch_began() -> None:
    evidence = WatchEvidence(NEW, OLD, [a_beat("w1", new=events(100), old=events(1000)), a_beat("w2")])
    evidence.take([a_beat("w1", new=events(150), old=events(1100)), a_beat("w2", new=events(30))])
    assert evidence.counts == OnlineCounts(events=80, predictions=80, hits=40)
    assert evidence.incumbent == events(1000)


def test_worker_that_was_restarted_begins_anew_and_keeps_what_it_had() -> None:
    evidence = WatchEvidence(NEW, OLD, [a_beat("w1", new=events(100))])
    evidence.take([a_beat("w1", new=events(140))])
    evidence.take([a_beat("w1", started_h=0.1, new=events(10))])
    assert evidence.counts.events == 50


def test_worker_that_is_gone_keeps_what_it_had() -> None:
    evidence = WatchEvidence(NEW, OLD, [a_beat("w1"), a_beat("w2")])
    evidence.take([a_beat("w1", new=events(20)), a_beat("w2", new=events(30))])
    evidence.take([a_beat("w2", new=events(40))])
    assert evidence.counts.events == 60


def test_worker_that_was_silent_at_first_counts_from_when_it_is_seen() -> None:
    evidence = WatchEvidence(NEW, OLD, [a_beat("w1")])
    evidence.take([a_beat("w2", new=events(500))])
    evidence.take([a_beat("w2", new=events(510))])
    assert evidence.counts.events == 10


def test_without_a_release_before_there_is_no_incumbent() -> None:
    assert WatchEvidence(NEW, None, [a_beat("w1", old=events(9))]).incumbent == OnlineCounts()


@given(
    lives=st.lists(st.lists(st.integers(0, 50), min_size=1, max_size=5), min_size=1, max_size=4),
)
def test_sum_over_lives_is_all_that_was_counted(lives: list[list[int]]) -> None:
    """Each inner list: what a life counts between two looks; one life follows the other."""
    evidence = WatchEvidence(NEW, OLD, [a_beat("w1")])
    for number, steps in enumerate(lives):
        total = 0
        for step in steps:
            total += step
            started_h = -5.0 if number == 0 else float(number)
            evidence.take([a_beat("w1", started_h=started_h, new=events(total))])
    assert evidence.counts.events == sum(map(sum, lives))
