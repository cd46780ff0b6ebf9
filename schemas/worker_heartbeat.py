"""WorkerHeartbeat v1: what each worker says of itself in Redis every few seconds, as JSON.

Writer: `streams.heartbeat` (the hash `schemas.redis_keys.WORKERS`, one field a worker). Readers: `retrain`,
which waits until every live worker serves a release, and watches how it does afterwards.
"""

from datetime import datetime

import msgspec

from schemas.ids import ReleaseId

HEARTBEAT_S = 2.0
"""A worker writes so often."""
LIVE_S = 15.0
"""A worker whose last heartbeat is older, by the clock of Redis, is not live."""


class OnlineCounts(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one release has done in one worker since that started; every count only rises."""

    predictions: int = 0
    """Events that could be compared with the list before them in their session."""
    hits: int = 0
    """Those of them whose item was in that list."""
    reciprocal_ranks: float = 0.0
    """The sum of 1 / rank over the hits."""
    events: int = 0
    """Events that a list was made for."""
    errors: int = 0
    """Events that the release failed for: dead letters of the stage `recommend`, and batches tried again."""


class WorkerHeartbeat(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A worker, at one moment."""

    worker_id: str
    """The name in its consumer group that survives restarts, or one that does not."""
    at: datetime
    """By the clock of Redis."""
    started_at: datetime
    ready: bool
    release_id: ReleaseId | None = None
    """What it serves; None before the first release."""
    generation: int = 0
    """The generation that announced it."""
    side_index_version: int | None = None
    refused: dict[ReleaseId, str] = {}
    """Releases that were announced and can never be served by it, and why; the last few."""
    online: dict[ReleaseId, OnlineCounts] = {}
    """By release, those served since the worker started; the last few."""
    schema_version: int = 1


_DECODER = msgspec.json.Decoder(WorkerHeartbeat)


def encode_worker_heartbeat(heartbeat: WorkerHeartbeat) -> bytes:
    """JSON bytes of the heartbeat."""
    return msgspec.json.encode(heartbeat)


def decode_worker_heartbeat(value: bytes) -> WorkerHeartbeat:
    """The heartbeat from its bytes.

    Raises:
        msgspec.DecodeError: the bytes are no WorkerHeartbeat v1.
    """
    return _DECODER.decode(value)
