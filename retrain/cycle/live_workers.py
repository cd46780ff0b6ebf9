"""The live workers: who they are, which release each has, and waiting until all of them have one.

Reads the heartbeats in Redis (`schemas.worker_heartbeat`), by the clock of Redis. A worker that is silent for
`LIVE_S` is not live and waited for no longer; when it is back it catches up from the topic of releases.
Callers: `retrain.cycle.announce_steps`, `retrain.schedule`.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

import msgspec

from retrain.cycle.retrain_redis import Client, asked
from schemas.ids import ReleaseId
from schemas.redis_keys import WORKERS
from schemas.worker_heartbeat import LIVE_S, WorkerHeartbeat, decode_worker_heartbeat

LOOK_S = 0.5
"""The heartbeats are read so often."""
_READ = "return {redis.call('TIME'), redis.call('HVALS', KEYS[1])}"


class Reported(NamedTuple):
    """What the live workers say of an announcement."""

    live: int
    late: list[str]
    """Those that have not reported it, sorted."""
    refused: dict[str, str]
    """Those that can never serve it, and why."""


def live_workers(redis: Client) -> list[WorkerHeartbeat]:
    """The workers whose last heartbeat is younger than `LIVE_S`; what is no heartbeat is passed over.

    Raises:
        Unavailable: Redis does not answer.
    """
    (seconds, micros), values = asked(lambda: redis.eval(_READ, 1, WORKERS))
    now = datetime.fromtimestamp(int(seconds) + int(micros) / 1e6, UTC)
    found = []
    for value in values:
        try:
            found.append(decode_worker_heartbeat(value))
        except msgspec.DecodeError:
            continue
    return [one for one in found if (now - one.at).total_seconds() < LIVE_S]


def reported(redis: Client, release_id: ReleaseId, generation: int) -> Reported:
    """Who has followed an announcement by now.

    Raises:
        Unavailable: Redis does not answer.
    """
    live = live_workers(redis)
    refused = {one.worker_id: one.refused[release_id] for one in live if release_id in one.refused}
    late = [one.worker_id for one in live if one.generation < generation and one.worker_id not in refused]
    return Reported(len(live), sorted(late), refused)


def wait_for_workers(
    look: Callable[[], Reported],
    timeout_s: float,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
) -> Reported:
    """Wait until no live worker is late, or for so long.

    Args:
        look: see `reported`.
        timeout_s: how long at most.
        clock: seconds, monotonic.
        sleep: waits.
    """
    began = clock()
    while (seen := look()).late and clock() - began < timeout_s:
        sleep(LOOK_S)
    return seen
