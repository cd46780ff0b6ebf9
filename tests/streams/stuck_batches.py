"""Batches that cannot be finished, because Redis does not answer or takes no write.

Callers: the tests of what happens meanwhile.
"""

import pytest

from streams.dev.child_processes import ChildFailed
from tests.services.redis_servers import PrivateRedis
from tests.streams.known_traffic import KnownTraffic
from tests.streams.worker_stage import RunningWorker

SESSION = "stuck"
ATTEMPTS = 5
SHORT_S = 2.0
FULL = 1
"""`maxmemory` of a Redis that has none left."""


def pause_under_a_batch(
    worker: RunningWorker, redis: PrivateRedis, traffic: KnownTraffic, session_id: str = SESSION
) -> None:
    """Pause Redis where a worker has begun a batch of one click, which waits for its load."""
    for _ in range(ATTEMPTS):  # Redis may also be paused under the worker's look at the watermarks
        batches = worker.metric("millrace_batch_events_count")
        redis.pause()
        traffic.click(session_id, traffic.random_item(), partition=0)
        traffic.flush()
        try:
            worker.child.wait_until(
                lambda: worker.metric("millrace_batch_events_count") > batches,  # noqa: B023
                SHORT_S,
                "in a batch",
            )
        except ChildFailed:
            redis.resume()
        else:
            return
    pytest.fail(f"the worker began no batch in {ATTEMPTS} attempts")


def fill_under_a_batch(worker: RunningWorker, redis: PrivateRedis, traffic: KnownTraffic) -> None:
    """Let Redis refuse writes, and a worker have a batch of one click that it cannot save."""
    redis.configure("maxmemory-policy", "noeviction")
    redis.configure("maxmemory", FULL)
    traffic.click(SESSION, traffic.random_item(), partition=0)
    traffic.flush()
    worker.wait_for(lambda: "redis" in worker.troubles(), "refused")
