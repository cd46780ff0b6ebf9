"""The names of every Redis key, in one place.

Keys of one bucket share a Redis Cluster hash tag, and so do those of the catalogue, so that one script can
change them together.
"""

from collections.abc import Iterable
from zlib import crc32

from schemas.ids import SessionId, UserId

ITEMS = "millrace:{items}"
"""Hash item_id -> ItemMetadata JSON. Writer: `streams.catalogue`."""
UNAVAILABLE_ITEMS = "millrace:{items}:unavailable"
"""Set of the item ids that must not be shown. Writer: `streams.catalogue`, together with the hash."""
ITEMS_VERSION = "millrace:{items}:version"
"""Rises with every change of the catalogue. Writer: `streams.catalogue`."""
ITEMS_COMPLETE = "millrace:{items}:complete"
"""Set once the catalogue was read whole from its topic; without it, single items may be all there is.

Writer: `streams.catalogue`.
"""
BUCKETS = "millrace:buckets"
"""The number of buckets this Redis was first used with; fixed for life."""

WORKERS = "millrace:workers"
"""Hash worker id -> WorkerHeartbeat JSON. Writer: `streams.heartbeat`. Readers: `retrain`."""
CYCLE_LOCK = "millrace:{retrain}:lock"
"""Who runs a retrain cycle: "token nonce holder", with a TTL. Writer: `retrain.cycle.cycle_lock`."""
CYCLE_FENCE = "millrace:{retrain}:fence"
"""The last fencing token; it only rises. Writer: `retrain.cycle.cycle_lock`."""
CYCLE_CURRENT = "millrace:{retrain}:current"
"""CycleStatus JSON of the cycle that runs or was killed. Writer: `retrain.cycle.status_board`."""
CYCLE_HISTORY = "millrace:{retrain}:history"
"""Hash cycle id -> CycleSummary JSON, the last ones. Writer: `retrain.cycle.status_board`."""
RUNNING_RELEASE = "millrace:{retrain}:running"
"""RunningRelease JSON. Writer: `retrain.cycle.status_board`."""
SCHEDULE_DUE = "millrace:{retrain}:due"
"""Epoch seconds of the last scheduled time that a process has taken. Writer: `retrain.schedule.due_times`."""


def bucket_of(session_id: SessionId, buckets: int) -> int:
    """The bucket that holds a session: crc32(session_id) mod `buckets`."""
    return crc32(session_id.encode()) % buckets


def state_key(bucket: int, session_id: SessionId) -> str:
    """Key of the session's SessionState."""
    return f"millrace:{{{bucket}}}:state:{session_id}"


def latest_key(bucket: int, session_id: SessionId) -> str:
    """Key of the session's latest RecommendationList."""
    return f"millrace:{{{bucket}}}:latest:{session_id}"


def user_key(bucket: int, user_id: UserId) -> str:
    """Key of the set of the user's session ids in the bucket."""
    return f"millrace:{{{bucket}}}:user:{user_id}"


def watermark_key(bucket: int, topic: str, partition: int) -> str:
    """Key of the next offset of a partition that is to be applied to the bucket."""
    return f"millrace:{{{bucket}}}:watermark:{topic}:{partition}"


def instance_key(group: str, instance_id: str) -> str:
    """Key of the claim to a name in a consumer group. Writer: `streams.instance_claim`."""
    return f"millrace:instance:{group}:{instance_id}"


def by_bucket(session_ids: Iterable[SessionId], buckets: int) -> dict[int, list[SessionId]]:
    """The sessions grouped by bucket, in the order given."""
    grouped: dict[int, list[SessionId]] = {}
    for session_id in session_ids:
        grouped.setdefault(bucket_of(session_id, buckets), []).append(session_id)
    return grouped
