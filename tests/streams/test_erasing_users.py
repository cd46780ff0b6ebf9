"""The right to be forgotten: whose sessions are known, and what brings an erased one back (nothing)."""

import json
import urllib.request

from redis import Redis

from schemas.ids import SessionId, UserId
from schemas.redis_keys import latest_key, state_key, user_key
from tests.services.redis_servers import PrivateRedis
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import KnownTraffic
from tests.streams.worker_stage import Stage

USER = UserId("u1")
SESSIONS = ["mine-1", "mine-2", "mine-3"]
ADMIN_KEY = "forget-me-key"


def delete(url: str) -> dict[str, object]:
    request = urllib.request.Request(url, method="DELETE", headers={"X-API-Key": ADMIN_KEY})  # noqa: S310
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with direct.open(request, timeout=60) as answer:
        assert answer.status == 202
        return dict(json.loads(answer.read()))


def is_forgotten(client: "Redis") -> bool:
    keys = [key(0, SessionId(session)) for session in SESSIONS for key in (state_key, latest_key)]
    return not client.exists(*keys, user_key(0, USER))


def click_as_user(traffic: KnownTraffic) -> None:
    for session in SESSIONS:
        traffic.click(session, traffic.random_item(), user_id=USER)
        traffic.click(session, traffic.random_item(), user_id=USER)
    traffic.click("without-consent", "item-1", user_id=USER, consent=False)
    traffic.click("another", "item-1", user_id="u2")
    traffic.flush()


def test_erased_user_is_forgotten_and_nothing_brings_the_sessions_back(
    private_stage: Stage, private_redis: PrivateRedis, lists: EmittedLists
) -> None:
    stage = private_stage
    stage.environment["MILLRACE_LOOKUP_ADMIN_KEYS"] = ADMIN_KEY
    worker, lookup = stage.start_worker(), stage.start_lookup()
    traffic = stage.traffic()
    click_as_user(traffic)
    worker.wait_for(lambda: stage.watermarks() == traffic.ends(), "done")
    with stage.redis() as client:
        assert client.smembers(user_key(0, USER)) == {one.encode() for one in SESSIONS}
    before = private_redis.snapshot()

    assert delete(f"{lookup}/users/{USER}")["sessions"] == len(SESSIONS)
    lists.read_until(lambda: set(lists.erased) >= set(SESSIONS))
    with stage.redis() as client:
        worker.wait_for(lambda: is_forgotten(client), "forgotten")
        assert client.smembers(user_key(0, UserId("u2"))) == {b"another"}
    done = stage.watermarks()

    private_redis.restore(before)  # Redis goes back to a moment before the erasure
    worker.wait_for(lambda: worker.metric("millrace_redis_rewinds_total") > 0, "catching up")
    worker.wait_for(lambda: stage.watermarks() == done, "caught up")
    with stage.redis() as client:
        assert is_forgotten(client)

    worker.child.kill()  # and so does a successor that finds an empty Redis
    private_redis.restore(None)
    successor = stage.start_worker()
    successor.wait_for(lambda: stage.watermarks() == done, "done with the refill")
    with stage.redis() as client:
        assert is_forgotten(client)
        assert client.exists(state_key(0, SessionId("another")))
