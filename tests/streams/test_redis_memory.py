"""Redis without memory left: sessions that it evicts begin anew, writes that it refuses are waited for."""

import pytest

from schemas.ids import SessionId
from tests.services.redis_servers import PrivateRedis
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import ITEMS, KnownTraffic
from tests.streams.stuck_batches import FULL
from tests.streams.worker_stage import RunningWorker, Stage
from tests.successor_release import successors

SESSIONS = [f"shopper-{number}" for number in range(40)]
MANY_SESSIONS = [f"shopper-{number}" for number in range(600)]
RATE = 200.0
ROOM = 300_000
"""Bytes for data: less than half of what the states and lists of the many sessions take."""
ROUNDS = 3
READS = 3
"""So often the worker reads watermarks, and is answered, while it cannot save."""


def served(worker: RunningWorker) -> float:
    """Events that a worker has served."""
    return worker.metric("millrace_events_total")


def reads(redis: PrivateRedis) -> int:
    """How often Redis was asked for watermarks or states."""
    return int(redis.info("commandstats")["cmdstat_mget"]["calls"])


def assert_all_is_right(stage: Stage, lists: EmittedLists, traffic: KnownTraffic) -> None:
    """A list for every event, the right one, in order; and the states that follow from the log."""
    answers = traffic.answers()
    lists.read_all(answers.keys())
    assert lists.wrong(answers) == {}
    lists.assert_in_order()
    stage.workers[-1].wait_for(lambda: stage.watermarks() == traffic.ends(), "done with saving")
    stage.assert_states_follow(traffic)


def test_full_redis_turns_readiness_red_and_loses_nothing(
    private_stage: Stage, private_redis: PrivateRedis, lists: EmittedLists
) -> None:
    private_redis.configure("maxmemory-policy", "noeviction")
    worker, traffic = private_stage.start_worker(), private_stage.traffic()
    with traffic.load(SESSIONS, RATE):
        worker.wait_for(lambda: served(worker) > RATE, "serving")
        private_redis.configure("maxmemory", FULL)
        worker.wait_for(lambda: not worker.is_ready(), "not ready")
        assert "raise maxmemory" in worker.troubles()["redis"]
        private_redis.configure("maxmemory", 0)
        worker.wait_until_ready()
        before = served(worker)
        worker.wait_for(lambda: served(worker) > before + RATE, "serving again")
    assert_all_is_right(private_stage, lists, traffic)
    assert worker.metric("millrace_dead_letters_total") == 0


def test_worker_is_not_ready_while_redis_takes_no_write_although_it_answers_reads(
    private_stage: Stage, private_redis: PrivateRedis, lists: EmittedLists
) -> None:
    worker, traffic = private_stage.start_worker(), private_stage.traffic()
    traffic.clicks(SESSIONS, each=1)
    worker.wait_for(lambda: private_stage.watermarks() == traffic.ends(), "done with saving")
    started = [line for line in worker.child.log_tail().splitlines() if "recovered" in line]
    private_redis.configure("maxmemory-policy", "noeviction")
    private_redis.configure("maxmemory", FULL)
    traffic.click(SESSIONS[0], ITEMS[0])
    traffic.flush()
    worker.wait_for(lambda: not worker.is_ready(), "not ready")
    before = reads(private_redis)
    worker.wait_for(lambda: reads(private_redis) >= before + READS, "reading")
    assert not worker.is_ready()
    assert [line for line in worker.child.log_tail().splitlines() if "recovered" in line] == started
    private_redis.configure("maxmemory", 0)
    assert_all_is_right(private_stage, lists, traffic)
    worker.wait_until_ready()


def test_worker_that_starts_on_a_full_redis_waits_for_memory(
    private_stage: Stage, private_redis: PrivateRedis, lists: EmittedLists
) -> None:
    worker, traffic = private_stage.start_worker(), private_stage.traffic()
    traffic.clicks(SESSIONS, each=1)
    worker.wait_for(lambda: private_stage.watermarks() == traffic.ends(), "done with saving")
    assert worker.stop() == 0
    private_redis.configure("maxmemory-policy", "noeviction")
    private_redis.configure("maxmemory", FULL)
    successor = private_stage.start_worker()
    traffic.clicks(SESSIONS, each=1)
    successor.wait_for(lambda: "raise maxmemory" in successor.troubles().get("redis", ""), "not ready")
    private_redis.configure("maxmemory", 0)
    assert_all_is_right(private_stage, lists, traffic)


def beginnings(lists: EmittedLists, traffic: KnownTraffic) -> dict[SessionId, set[int]]:
    """With which of its clicks each session may have begun, as far as its last list shows.

    Asserts that every list goes on from the one before it, or is that of its event alone.
    """
    clicks: dict[SessionId, list[str]] = {}
    begins: dict[SessionId, set[int]] = {}
    for event, answer in zip(traffic.sent, traffic.answers(), strict=True):
        history = clicks.setdefault(event.session_id, [])
        history.append(event.item_id)
        shown = lists.item_ids(answer)
        possible = begins.get(event.session_id, set()) | {len(history) - 1}
        begins[event.session_id] = {
            one for one in possible if successors(ITEMS, history[one:], len(ITEMS)) == shown
        }
        assert begins[event.session_id], answer
    return begins


def test_evicted_sessions_begin_anew_and_no_event_is_without_a_list(
    private_stage: Stage, private_redis: PrivateRedis, lists: EmittedLists
) -> None:
    private_stage.environment["MILLRACE_MAX_BATCH_EVENTS"] = "64"
    worker, traffic = private_stage.start_worker(), private_stage.traffic()
    private_redis.configure("maxmemory", private_redis.info("memory")["used_memory"] + ROOM)
    for _ in range(ROUNDS):
        traffic.clicks(MANY_SESSIONS, each=2)
        lists.read_all(traffic.answers().keys())
    worker.wait_for(lambda: private_stage.watermarks() == traffic.ends(), "done with saving")
    assert private_redis.info("stats")["evicted_keys"] > 0
    begins = beginnings(lists, traffic)
    assert any(0 not in possible for possible in begins.values())
    for session_id, history in traffic.histories().items():
        if state := private_stage.state(session_id):
            assert list(state.item_ids) in [history[begin:] for begin in begins[session_id]]
    assert lists.repeated() == 0
    assert worker.metric("millrace_redis_empty_total") == 0
    assert worker.metric("millrace_dead_letters_total") == 0
    assert worker.is_ready()


@pytest.mark.parametrize(("policy", "warnings"), [("allkeys-lru", 1), ("volatile-ttl", 0)])
def test_worker_warns_where_redis_may_evict_watermarks(
    private_stage: Stage, private_redis: PrivateRedis, policy: str, warnings: int
) -> None:
    private_redis.configure("maxmemory-policy", policy)
    worker = private_stage.start_worker()
    assert worker.child.log_tail().count("may evict watermarks") == warnings
