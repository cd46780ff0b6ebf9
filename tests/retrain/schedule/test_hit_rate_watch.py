"""When the online hit rate counts as fallen: against the level after the swap, over enough predictions."""

from datetime import UTC, datetime, timedelta

from retrain.schedule.hit_rate_watch import HitRateWatch
from schemas.ids import ReleaseId
from schemas.worker_heartbeat import OnlineCounts, WorkerHeartbeat

STARTED = datetime(2026, 1, 1, tzinfo=UTC)
R1, R2 = ReleaseId("r1"), ReleaseId("r2")


def a_worker(
    predictions: int, hits: int, name: str = "w", started: datetime = STARTED, release: ReleaseId = R1
) -> WorkerHeartbeat:
    counts = {release: OnlineCounts(predictions=predictions, hits=hits)}
    return WorkerHeartbeat(worker_id=name, at=started, started_at=started, ready=True, online=counts)


def test_rate_that_falls_by_the_share_is_told_once() -> None:
    watch = HitRateWatch(drop=0.2, predictions=100)
    assert watch.look(R1, [a_worker(100, 50)]) == ""
    assert watch.look(R1, [a_worker(200, 91)]) == ""
    assert watch.look(R1, [a_worker(300, 130)]) == "the online hit rate fell from 0.5000 to 0.3900"
    assert watch.look(R1, [a_worker(301, 130)]) == ""


def test_few_predictions_say_nothing() -> None:
    watch = HitRateWatch(drop=0.2, predictions=100)
    watch.look(R1, [a_worker(100, 50)])
    assert watch.look(R1, [a_worker(199, 50)]) == ""
    assert watch.look(R1, [a_worker(200, 50)]) != ""


def test_counts_of_all_workers_add_up() -> None:
    watch = HitRateWatch(drop=0.2, predictions=100)
    assert watch.look(R1, [a_worker(50, 25), a_worker(50, 25, "v")]) == ""
    assert watch.look(R1, [a_worker(90, 30), a_worker(110, 35, "v")]) != ""


def test_worker_that_was_started_again_begins_anew() -> None:
    watch = HitRateWatch(drop=0.2, predictions=100)
    watch.look(R1, [a_worker(1000, 500)])
    again = STARTED + timedelta(hours=1)
    assert watch.look(R1, [a_worker(100, 50, started=again)]) == ""
    assert watch.look(R1, [a_worker(200, 60, started=again)]) != ""


def test_next_release_has_a_level_of_its_own() -> None:
    watch = HitRateWatch(drop=0.2, predictions=100)
    watch.look(R1, [a_worker(100, 50)])
    assert watch.look(R2, [a_worker(100, 10, release=R2)]) == ""
    assert watch.look(R2, [a_worker(200, 20, release=R2)]) == ""
    assert watch.look(R2, [a_worker(300, 21, release=R2)]) != ""


def test_without_a_drop_it_is_never_told() -> None:
    watch = HitRateWatch(drop=0.0, predictions=1)
    assert [watch.look(R1, [a_worker(at, 0)]) for at in (1, 2, 3)] == ["", "", ""]
