"""Workers that come, go, die and sleep under load: every event keeps its one right list."""

import signal

import psutil
import pytest

from tests.services.redis_servers import PrivateRedis
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import KnownTraffic
from tests.streams.stuck_batches import pause_under_a_batch
from tests.streams.worker_stage import RunningWorker, Stage

SESSIONS = [f"shopper-{number}" for number in range(60)]
RATE = 400.0


def served(worker: RunningWorker) -> float:
    """Events that a worker has served."""
    return worker.metric("millrace_events_total")


def assert_all_is_right(stage: Stage, lists: EmittedLists, traffic: KnownTraffic) -> None:
    """A list for every event, the right one, in order; and the states that follow from the log."""
    answers = traffic.answers()
    lists.read_all(answers.keys())
    assert lists.wrong(answers) == {}
    assert lists.by_id.keys() == answers.keys()
    lists.assert_in_order()
    stage.workers[-1].wait_for(lambda: stage.watermarks() == traffic.ends(), "done with saving")
    stage.assert_states_follow(traffic)
    last = traffic.last_ids()
    for session_id, recommendation_id in last.items():
        assert f'"recommendation_id":"{recommendation_id}"'.encode() in (stage.latest(session_id) or b"")


def test_second_worker_joins_under_load_and_leaves_again(stage: Stage, lists: EmittedLists) -> None:
    first = stage.start_worker()
    traffic = stage.traffic()
    with traffic.load(SESSIONS, RATE):
        first.wait_for(lambda: served(first) > 300, "serving")
        second = stage.start_worker()
        second.wait_for(lambda: served(second) > 300, "serving its share")
        before = served(first)
        first.wait_for(lambda: served(first) > before + 300, "still serving its own")
        assert second.stop() == 0
        before = served(first)
        first.wait_for(lambda: served(first) > before + 600, "serving all again")
    stage.workers.remove(second)
    assert_all_is_right(stage, lists, traffic)
    assert first.is_ready()


@pytest.mark.parametrize("buckets", [1, 4])
def test_killed_worker_is_followed_by_one_that_goes_on(
    stage: Stage, lists: EmittedLists, buckets: int
) -> None:
    stage.environment["MILLRACE_REDIS_BUCKETS"] = str(buckets)
    killed = stage.start_worker()
    traffic = stage.traffic()
    with traffic.load(SESSIONS, RATE):
        killed.wait_for(lambda: served(killed) > 300, "serving")
        killed.child.kill()
        successor = stage.start_worker()
        successor.wait_for(lambda: served(successor) > 300, "serving")
    assert_all_is_right(stage, lists, traffic)


def test_stale_worker_that_wakes_up_changes_nothing(stage: Stage, lists: EmittedLists) -> None:
    zombie = stage.start_worker()
    traffic = stage.traffic()
    with traffic.load(SESSIONS, RATE):
        zombie.wait_for(lambda: served(zombie) > 300, "serving")
        zombie.child.send_signal(signal.SIGSTOP)
        heir = stage.start_worker()
        heir.wait_for(lambda: served(heir) > 600, "serving in its place")
        zombie.child.send_signal(signal.SIGCONT)
        zombie.wait_for(lambda: served(zombie) > 600, "serving a share again")
    assert_all_is_right(stage, lists, traffic)
    assert zombie.is_ready()
    assert heir.is_ready()


def stop_with_a_loaded_batch(worker: RunningWorker, redis: PrivateRedis, traffic: KnownTraffic) -> None:
    """Stop a worker (SIGSTOP) where its load is on the way: the answer comes, and it cannot read it yet."""
    pause_under_a_batch(worker, redis, traffic, SESSIONS[0])
    worker.child.send_signal(signal.SIGSTOP)
    process = psutil.Process(worker.child.pid)
    worker.wait_for(lambda: process.status() == psutil.STATUS_STOPPED, "stopped")
    redis.resume()


def test_save_of_a_stale_worker_is_refused(
    private_stage: Stage, private_redis: PrivateRedis, lists: EmittedLists
) -> None:
    stale = private_stage.start_worker()
    traffic = private_stage.traffic()
    traffic.click(SESSIONS[0], traffic.random_item(), partition=0)
    traffic.flush()
    lists.read_all(traffic.answers().keys())
    stop_with_a_loaded_batch(stale, private_redis, traffic)
    heir = private_stage.start_worker()
    traffic.click(SESSIONS[0], traffic.random_item(), partition=0)
    traffic.flush()
    heir.wait_for(lambda: private_stage.watermarks() == traffic.ends(), "serving in its place")
    stale.child.send_signal(signal.SIGCONT)
    stale.wait_for(lambda: stale.metric("millrace_refusals_total", check="save") == 1, "refused")
    traffic.clicks(SESSIONS, each=2)
    assert_all_is_right(private_stage, lists, traffic)
