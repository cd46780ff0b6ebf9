"""A backlog behind a Redis that is away or full: it stays in Kafka, the worker holds little of it."""

import time

import psutil
import pytest

from streams.event_source import IN_FLIGHT
from tests.services.redis_servers import PrivateRedis
from tests.streams.emitted_lists import EmittedLists
from tests.streams.stuck_batches import fill_under_a_batch
from tests.streams.worker_stage import Stage

SESSIONS = [f"shopper-{number}" for number in range(1000)]
EACH = 10
PADDING = "x" * 8000
"""In each of the events, so that they make 80 MB."""
BATCH_EVENTS = 100
FETCHED_MB = 40.0
"""Above what a client holds of 8 partitions, 1 MB of each, with three small batches and what Python adds."""
OUTAGE_S = 5.0
"""Long enough to fetch all of it."""


@pytest.mark.parametrize(("trouble", "batches"), [("away", 0), ("full", IN_FLIGHT)])
def test_backlog_stays_in_kafka_while_redis_cannot_be_used(
    private_stage: Stage, private_redis: PrivateRedis, lists: EmittedLists, trouble: str, batches: int
) -> None:
    worker = private_stage.start_worker(MILLRACE_MAX_BATCH_EVENTS=str(BATCH_EVENTS))
    traffic = private_stage.traffic()
    traffic.clicks(SESSIONS, each=1)
    lists.read_all(traffic.answers().keys())
    worker.wait_for(lambda: private_stage.watermarks() == traffic.ends(), "done with saving")
    process = psutil.Process(worker.child.pid)
    begun, memory = worker.metric("millrace_batch_events_count"), process.memory_info().rss
    if trouble == "full":
        fill_under_a_batch(worker, private_redis, traffic)
    else:
        private_redis.stop()
        worker.wait_for(lambda: "redis" in worker.troubles(), "not ready")
    for _ in range(EACH):
        for session_id in SESSIONS:
            traffic.click(session_id, traffic.random_item(), context={"padding": PADDING})
    traffic.flush()
    produced_at = time.monotonic()
    worker.wait_for(lambda: time.monotonic() - produced_at > OUTAGE_S, "through the outage")
    assert worker.metric("millrace_batch_events_count") - begun == batches
    assert (process.memory_info().rss - memory) / 1e6 < FETCHED_MB
    if trouble == "full":
        private_redis.configure("maxmemory", 0)
    else:
        private_redis.start()
    answers = traffic.answers()
    lists.read_all(answers.keys())
    assert lists.wrong(answers) == {}
    lists.assert_in_order()
    worker.wait_for(lambda: private_stage.watermarks() == traffic.ends(), "done with saving")
    private_stage.assert_states_follow(traffic)
    worker.wait_until_ready()
