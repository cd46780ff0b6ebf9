"""What Redis must hold after a chaos run: states, latest lists, watermarks, and whose the sessions are.

Caller: `tests.chaos.oracle`. `log_fold` owns what is right.
"""

import itertools
from typing import cast

from redis import Redis

from schemas.ids import SessionId
from schemas.recommendation_list import decode_recommendation_list
from schemas.redis_keys import bucket_of, latest_key, state_key, user_key, watermark_key
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
        _check_users(client, buckets, fold, verdict)
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


def _check_users(client: "Redis", buckets: int, fold: LogFold, verdict: Verdict) -> None:
    """Each user's sets hold their sessions and no others; there is no set of anybody else."""
    right: dict[str, set[str]] = {}
    for user, sessions in fold.sessions_of.items():
        for session in sessions:
            right.setdefault(user_key(bucket_of(session, buckets), user), set()).add(session)
    names = [key.decode() for key in client.scan_iter(match="millrace:*:user:*", count=1000)]
    stored = {name: {one.decode() for one in cast("set[bytes]", client.smembers(name))} for name in names}
    for name in right.keys() | stored.keys():
        if stored.get(name, set()) != right.get(name, set()):
            wrong = stored.get(name, set()) ^ right.get(name, set())
            verdict.violated("wrong sessions of a user", f"{name}: too many or missing {sorted(wrong)}")
    verdict.users = len({user for user, sessions in fold.sessions_of.items() if sessions})
