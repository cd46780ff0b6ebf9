"""Redis that goes away, comes back older, or comes back empty: nothing is lost and no state goes wrong."""

import time

import pytest

from tests.services.redis_servers import PrivateRedis
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import ITEMS, KnownTraffic
from tests.streams.worker_stage import RunningWorker, Stage
from tests.successor_release import write_successor_release

SESSIONS = [f"shopper-{number}" for number in range(40)]
RATE = 200.0
OUTAGE_S = 10.0


def served(worker: RunningWorker) -> float:
    """Events that a worker has served."""
    return worker.metric("millrace_events_total")


def assert_all_is_right(stage: Stage, lists: EmittedLists, traffic: KnownTraffic) -> None:
    """A list for every event, the right one; and the states that follow from the log."""
    answers = traffic.answers()
    lists.read_all(answers.keys())
    assert lists.wrong(answers) == {}
    stage.workers[-1].wait_for(lambda: stage.watermarks() == traffic.ends(), "done with saving")
    stage.assert_states_follow(traffic)


def test_redis_away_for_ten_seconds_turns_readiness_red_and_loses_nothing(
    private_stage: Stage, private_redis: PrivateRedis, lists: EmittedLists
) -> None:
    worker = private_stage.start_worker()
    traffic = private_stage.traffic()
    with traffic.load(SESSIONS, RATE):
        worker.wait_for(lambda: served(worker) > 200, "serving")
        private_redis.stop()
        stopped_at = time.monotonic()
        worker.wait_for(lambda: not worker.is_ready(), "not ready")
        assert "Redis" in worker.troubles()["redis"]
        worker.wait_for(lambda: time.monotonic() - stopped_at > OUTAGE_S, "through the outage")
        assert not worker.is_ready()
        private_redis.start()
        worker.wait_until_ready()
        before = served(worker)
        worker.wait_for(lambda: served(worker) > before + 200, "serving again")
    assert_all_is_right(private_stage, lists, traffic)
    lists.assert_in_order()
    assert worker.child.log_tail(1000).count("catalogue not refreshed") == 1


def test_redis_set_back_to_an_older_snapshot_is_caught_up_from_kafka(
    private_stage: Stage, private_redis: PrivateRedis, lists: EmittedLists
) -> None:
    worker = private_stage.start_worker()
    traffic = private_stage.traffic()
    traffic.clicks(SESSIONS, each=5)
    lists.read_all(traffic.answers().keys())
    snapshot = private_redis.snapshot()
    traffic.clicks(SESSIONS, each=10)
    lists.read_all(traffic.answers().keys())
    worker.wait_for(lambda: private_stage.watermarks() == traffic.ends(), "done with saving")
    private_redis.restore(snapshot)  # and no event comes that would show it
    assert_all_is_right(private_stage, lists, traffic)
    traffic.clicks(SESSIONS, each=2)
    assert_all_is_right(private_stage, lists, traffic)
    assert worker.metric("millrace_redis_rewinds_total") >= 1
    assert worker.metric("millrace_redis_empty_total") == 0


@pytest.mark.usefixtures("apache_kafka")
def test_redis_that_came_back_empty_is_refilled_as_far_as_sessions_reach(
    private_stage: Stage, private_redis: PrivateRedis, lists: EmittedLists
) -> None:
    worker = private_stage.start_worker()
    traffic = private_stage.traffic()
    traffic.clicks(SESSIONS, each=5)
    lists.read_all(traffic.answers().keys())
    private_redis.restore(None)
    assert_all_is_right(private_stage, lists, traffic)
    traffic.clicks(SESSIONS, each=2)
    assert_all_is_right(private_stage, lists, traffic)
    assert worker.metric("millrace_redis_empty_total") >= 1


@pytest.mark.usefixtures("apache_kafka")
def test_worker_that_starts_on_an_emptied_redis_refills_it(
    private_stage: Stage, private_redis: PrivateRedis, lists: EmittedLists
) -> None:
    worker = private_stage.start_worker()
    traffic = private_stage.traffic()
    traffic.clicks(SESSIONS, each=5)
    lists.read_all(traffic.answers().keys())
    assert worker.stop() == 0
    private_redis.restore(None)
    successor = private_stage.start_worker()
    assert_all_is_right(private_stage, lists, traffic)
    assert successor.metric("millrace_redis_empty_total") == len(traffic.ends())


def test_without_a_session_gap_an_emptied_redis_starts_the_sessions_anew(
    private_stage: Stage, private_redis: PrivateRedis, lists: EmittedLists
) -> None:
    release = write_successor_release(private_stage.releases, "without-gap", ITEMS, session_gap_s=0)
    private_stage.announce(release)
    worker = private_stage.start_worker()
    before = private_stage.traffic()
    before.clicks(SESSIONS, each=5)
    lists.read_all(before.answers().keys())
    worker.wait_for(lambda: private_stage.committed() == before.ends(), "done with committing")
    private_redis.restore(None)
    worker.wait_for(lambda: worker.metric("millrace_redis_empty_total") == len(before.ends()), "told")
    after = private_stage.traffic()  # whose answers know nothing of the clicks before
    after.clicks(SESSIONS, each=2)
    assert_all_is_right(private_stage, lists, after)
    assert lists.repeated() == 0


def test_worker_stops_although_redis_is_away(private_stage: Stage, private_redis: PrivateRedis) -> None:
    worker = private_stage.start_worker()
    traffic = private_stage.traffic()
    traffic.click(SESSIONS[0], ITEMS[0])
    worker.wait_for(lambda: private_stage.latest(SESSIONS[0]), "serving")
    private_redis.kill()
    traffic.click(SESSIONS[0], ITEMS[1])
    traffic.flush()
    worker.wait_for(lambda: not worker.is_ready(), "not ready")
    assert worker.stop() == 0


def test_redis_that_is_away_shows_without_any_event(
    private_stage: Stage, private_redis: PrivateRedis
) -> None:
    worker = private_stage.start_worker()
    private_redis.kill()
    worker.wait_for(lambda: "redis" in worker.troubles(), "not ready")
    private_redis.start()
    worker.wait_until_ready()
