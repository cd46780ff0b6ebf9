"""Worker and lookup write no key, password, session id or user id, whatever happens to them."""

import http.client
import json
import socket
from collections.abc import Callable
from urllib.parse import quote, urlsplit

import pytest
from redis import Redis

from schemas.ids import SessionId
from schemas.redis_keys import latest_key, state_key
from schemas.topics import MAX_EVENT_BYTES
from tests.services.redis_servers import PrivateRedis
from tests.streams.known_traffic import KnownTraffic, an_event
from tests.streams.looking_up import TIMEOUT_S
from tests.streams.restricted_redis import PASSWORD, documented_rule, user_url
from tests.streams.worker_stage import PARTITIONS, RunningWorker, Stage

API_KEY, ADMIN_KEY, WRONG_KEY = "api-key-of-the-shop", "admin-key-of-the-shop", "key-of-somebody-else"
SESSION, USER = "session-of-anna", "user-anna"
OTHER, DAMAGED = "session-of-bert", "session-of-carla"
SECRETS = (API_KEY, ADMIN_KEY, WRONG_KEY, PASSWORD, "anna", "bert", "carla")
"""None of them may be written; the names stand in the ids, so that no encoding of an id hides them."""
SETTINGS = {
    "MILLRACE_LOG_LEVEL": "debug",
    "MILLRACE_REQUIRE_KEY": "true",
    "MILLRACE_LOOKUP_API_KEYS": API_KEY,
    "MILLRACE_LOOKUP_ADMIN_KEYS": ADMIN_KEY,
}
INVALID = [
    b"no JSON of session-of-anna",
    b'{"session_id":"session-of-anna","item_id":"a","event_type":"view","occurred_at":1',
    b'["session-of-anna"]',
    an_event(session_id=SESSION, user_id=USER, event_type="view by user-anna"),
    an_event(session_id=SESSION, user_id=USER, item_id=None),
    an_event(session_id=SESSION, user_id=[USER]),
    an_event(session_id=SESSION * 20),
    an_event(session_id=SESSION, occurred_at="when anna came"),
    an_event(session_id=SESSION, occurred_at=-1),
    an_event(session_id=SESSION, context={"note": "anna" * (MAX_EVENT_BYTES // 4)}),
    json.dumps({"specversion": "anna", "id": USER, "type": "t", "source": "/", "data": {}}).encode(),
]
"""Messages under the right key that are no events."""


class Asker:
    """Sends requests to a lookup, right ones and others."""

    def __init__(self, lookup: str) -> None:
        self._address = urlsplit(lookup).netloc

    def ask(self, method: str, path: str, **headers: str) -> int:
        """The status of the answer."""
        connection = http.client.HTTPConnection(self._address, timeout=TIMEOUT_S)
        try:
            connection.request(method, path, headers={k.replace("_", "-"): v for k, v in headers.items()})
            return connection.getresponse().status
        finally:
            connection.close()

    def write(self, request: bytes) -> bytes:
        """Write bytes that may be no HTTP; the beginning of what comes back."""
        host, _, port = self._address.partition(":")
        with socket.create_connection((host, int(port)), TIMEOUT_S) as connection:
            connection.sendall(request)
            return connection.recv(64)


def damage(redis: PrivateRedis) -> None:
    """Put bytes that cannot be read in the place of a session's state and list."""
    with Redis(port=redis.port) as client:
        for key in (state_key, latest_key):
            client.set(key(0, SessionId(DAMAGED)), b"?")


def send_all_kinds(traffic: KnownTraffic) -> int:
    """Events of all kinds; how many of them become dead letters."""
    traffic.click(SESSION, "item-1", user_id=USER, event_id="1")
    traffic.click(SESSION, "item-2", user_id=USER, event_id="1")
    traffic.click(OTHER, "item-1", user_id="user-bert", consent=False)
    traffic.click(DAMAGED, "item-1", user_id="user-carla")
    traffic.send(an_event(session_id=OTHER, event_type="erase", user_id="user-bert"), OTHER.encode())
    for number, value in enumerate(INVALID):
        traffic.send(value, SESSION.encode(), number % PARTITIONS)
    traffic.send(an_event(session_id=SESSION, user_id=USER), OTHER.encode())
    traffic.send(an_event(session_id=SESSION, user_id=USER))
    traffic.flush()
    return len(INVALID) + 2


def ask_all_kinds(asker: Asker) -> None:
    """Requests of all kinds, each with the status that it must have."""
    lists = f"/sessions/{SESSION}/recommendations"
    assert asker.ask("GET", lists, X_API_Key=API_KEY) == 200
    assert asker.ask("GET", f"/sessions/{DAMAGED}/recommendations", X_API_Key=API_KEY) in (200, 500)
    assert asker.ask("GET", "/sessions/new-anna/recommendations?fallback=none", X_API_Key=API_KEY) == 404
    assert asker.ask("GET", lists) == 401
    assert asker.ask("GET", lists, X_API_Key=WRONG_KEY) == 401
    assert asker.ask("GET", f"{lists}?api_key={API_KEY}", Authorization=f"Bearer {WRONG_KEY}") == 401
    assert asker.ask("GET", f"{lists}?k={USER}", X_API_Key=API_KEY) == 400
    assert asker.ask("GET", f"/sessions/{SESSION}%ff/recommendations", X_API_Key=API_KEY) == 400
    assert asker.ask("GET", f"/nowhere/{USER}", X_API_Key=API_KEY) == 404
    assert asker.ask("POST", lists, X_API_Key=API_KEY) == 405
    assert asker.ask("DELETE", f"/sessions/{SESSION}", X_API_Key=API_KEY) == 403
    assert asker.ask("DELETE", f"/users/{USER * 40}", X_API_Key=ADMIN_KEY) == 400
    assert asker.ask("GET", lists, X_API_Key=API_KEY, Cookie=USER * 3000) == 431
    assert asker.ask("GET", lists, X_API_Key=API_KEY, Upgrade=f"h2c-{USER}", Connection="upgrade") == 200
    assert b" 400 " in asker.write(f"GET {lists} X-API-Key: {API_KEY}\r\n\r\n".encode())
    assert asker.ask("DELETE", f"/sessions/{quote(SESSION)}", X_API_Key=ADMIN_KEY) == 202
    assert asker.ask("DELETE", f"/users/{USER}", Authorization=f"Bearer {ADMIN_KEY}") == 202


def ask_without_redis(asker: Asker) -> None:
    assert asker.ask("GET", f"/sessions/{SESSION}/recommendations", X_API_Key=API_KEY) == 503
    for path in (f"/sessions/{SESSION}", f"/users/{USER}"):
        assert asker.ask("DELETE", path, X_API_Key=ADMIN_KEY) == 503


def served(stage: Stage, worker: RunningWorker, letters: int) -> bool:
    """Whether the worker is done with what was sent."""
    return stage.latest(SESSION) is not None and worker.metric("millrace_dead_letters_total") == letters


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_whatever_happens_no_log_has_a_key_a_password_or_an_id(
    stage_on: Callable[..., Stage], private_redis: PrivateRedis, log_format: str
) -> None:
    stage = stage_on(private_redis.url, **SETTINGS, MILLRACE_LOG_FORMAT=log_format)
    stage.environment["MILLRACE_REDIS_URL"] = user_url(private_redis, *documented_rule())
    worker, lookup = stage.start_worker(), stage.start_lookup()
    damage(private_redis)
    letters = send_all_kinds(stage.traffic())
    worker.wait_for(lambda: served(stage, worker, letters), "done with the events")
    damage(private_redis)
    ask_all_kinds(Asker(lookup))
    private_redis.kill()
    ask_without_redis(Asker(lookup))
    stage.traffic().clicks([SESSION], each=1)
    worker.wait_for(lambda: "redis" in worker.troubles(), "not ready")
    for child in stage.children.started:
        child.terminate()
    said = {child.name: child.log_path.read_text() for child in stage.children.started}
    assert "dead letter" in said["worker"]
    assert f"{stage.environment['MILLRACE_EVENT_TOPICS']}[0]@" in said["worker"]
    assert "stored session state cannot be read" in said["worker"]
    assert "request failed" in said["lookup"]
    lines = [line for log in said.values() for line in log.splitlines()]
    assert [line for line in lines if any(secret in line for secret in SECRETS)] == []
