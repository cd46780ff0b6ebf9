"""What the workers of a stage say of themselves in Redis."""

from typing import cast

from schemas.redis_keys import WORKERS
from schemas.worker_heartbeat import WorkerHeartbeat, decode_worker_heartbeat
from tests.streams.worker_stage import Stage


def beats(stage: Stage) -> list[WorkerHeartbeat]:
    """The heartbeats that are in Redis now."""
    with stage.redis() as redis:
        values = cast(list[bytes], redis.hvals(WORKERS))
        return [decode_worker_heartbeat(value) for value in values]
