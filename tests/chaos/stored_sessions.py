"""What Redis must hold after a chaos run: states, latest lists and watermarks.

Caller: `tests.chaos.oracle`. `log_fold` owns what is right.
"""

import itertools
from typing import cast

from redis import Redis

from schemas.ids import SessionId
from schemas.recommendation_list import decode_recommendation_list
from schemas.redis_keys import bucket_of, latest_key, state_key, watermark_key
from schemas.session_state import decode_session_state
from schemas.watermark import read_watermark
from tests.chaos.log_fold import FoldedSession, LogFold, Position
from tests.chaos.verdict import Verdict
from tests.streams.worker_stage import Stage


def check_redis(stage: Stage, fold: LogFold, verdict: Verdict) -> None:
    """Compare everything in Redis that has to do with sessions; their TTL is longer than any run."""
    names = list(fold.sessions)
    buckets = int(stage.environment["MILLRACE_REDIS_BUCKETS"])
    keys = [key(bucket_of(name, buckets), name) for key in (state_key, latest_key) for name in names]
    with stage.redis() as client:
        values = cast("list[bytes | None]", client.mget(keys)) if keys else []
        _check_watermarks(client, stage, buckets, fold, verdict)
    for name, state, latest in zip(names, values[: len(names)], values[len(names) :], strict=True):
        _check_session(name, fold.sessions[name], state, latest, verdict)


def _check_session(
    name: SessionId, right: FoldedSession, state: bytes | None, latest: bytes | None, verdict: Verdict
) -> None:
    items = [] if state is None else [str(item) for item in decode_session_state(state).item_ids]
    if items != right.items:
        verdict.violated("wrong state", f"{name}: {items}, right is {right.items}")
    at = None
    if latest is not None:
        source = decode_recommendation_list(latest).source
        at = Position(source.partition, source.offset)
    if at != right.latest:
        verdict.violated("wrong latest list", f"{name}: {at}, right is {right.latest}")


def _check_watermarks(client: "Redis", stage: Stage, buckets: int, fold: LogFold, verdict: Verdict) -> None:
    topic = stage.environment["MILLRACE_EVENT_TOPICS"]
    for bucket, (partition, end) in itertools.product(range(buckets), fold.ends.items()):
        mark = cast("bytes | None", client.get(watermark_key(bucket, topic, partition)))
        if mark is None or read_watermark(mark)[0] != end:
            verdict.violated(
                "watermark not at the end", f"bucket {bucket} partition {partition}: {mark!r}, end is {end}"
            )
