"""How much memory a session takes in Redis: state, latest list, its user's set. Run it: it prints.

The rows of the table in docs/operations.md. The worker's own store writes them to the redis-server that is
found on this machine. Session ids have 36 bytes, item and user ids 10, events have ids; 100 units, lists of
20 items.
"""

import argparse
import asyncio
import random
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from aiokafka import TopicPartition
from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from schemas.ids import EventId, ItemId, RecommendationId, ReleaseId, SessionId, UserId
from schemas.last_list import ITEM_BYTES, pack_list
from schemas.recommendation_list import RecommendationList, ScoredItem, Source, encode_recommendation_list
from schemas.redis_keys import latest_key, state_key, user_key
from schemas.session_state import HASH_BYTES, TIME_BYTES, SessionState
from streams.dev.embedded_redis import EmbeddedRedis
from streams.redis_session_store import RedisSessionStore
from streams.session_store import UnitSave

LENGTHS = (10, 50)
LIST_ITEMS, UNITS, FLOAT16_BYTES = 20, 100, 2
TTL_S = 86_400
AT_ONCE = 500
PARTITION = TopicPartition("events", 0)
RELEASE = ReleaseId("20260102T030405Z-1a2b3c4d")


class Session(NamedTuple):
    """What is stored of one session."""

    session_id: SessionId
    user_id: UserId
    state: SessionState
    latest: bytes


def sessions_of(length: int, count: int, drawn: random.Random) -> Iterator[Session]:
    """Sessions of so many items, of a user each."""
    now = datetime.now(UTC)
    for number in range(count):
        session_id = SessionId(str(uuid.UUID(int=drawn.getrandbits(128), version=4)))
        user_id = UserId(f"u{number:09d}")
        state = SessionState(
            release_id=RELEASE,
            item_ids=tuple(an_item(drawn) for _ in range(length)),
            event_types=bytes(length),
            times_s=drawn.randbytes(TIME_BYTES * length),
            event_hashes=drawn.randbytes(HASH_BYTES * length),
            encoder_state=drawn.randbytes(FLOAT16_BYTES * UNITS),
            last_event_at_ms=int(now.timestamp() * 1000),
            last_list=pack_list("gru4rec", number, drawn.randbytes(ITEM_BYTES * LIST_ITEMS)),
        )
        source = Source("events", number % 16, 1_000_000 + number)
        latest = RecommendationList(
            recommendation_id=RecommendationId(source.recommendation_id),
            source=source,
            session_id=session_id,
            release_id=RELEASE,
            strategy="gru4rec",
            items=[ScoredItem(an_item(drawn), round(drawn.uniform(1, 9), 6)) for _ in range(LIST_ITEMS)],
            occurred_at=now,
            produced_at=now,
            user_id=user_id,
            event_id=EventId(str(uuid.UUID(int=drawn.getrandbits(128), version=4))),
        )
        yield Session(session_id, user_id, state, encode_recommendation_list(latest))


def an_item(drawn: random.Random) -> ItemId:
    """An id of 10 bytes."""
    return ItemId(f"{drawn.randrange(10**10):010d}")


async def store(url: str, sessions: list[Session], with_users: bool) -> None:
    """Save sessions as a worker does, some hundred at a time."""
    client = AsyncRedis.from_url(url)
    keeper, at = RedisSessionStore(client, 1, TTL_S), None
    for start in range(0, len(sessions), AT_ONCE):
        some = sessions[start : start + AT_ONCE]
        to = start + len(some)
        save = UnitSave(
            {PARTITION: (at,)},
            {PARTITION: (to,)},
            {one.session_id: one.state for one in some},
            {one.session_id: one.latest for one in some},
            {(one.user_id, one.session_id): True for one in some if with_users},
        )
        assert not await keeper.save([save]), "nobody else writes"
        at = to
    await client.aclose()


def used_per_session(sessions: list[Session], with_users: bool) -> tuple[float, dict[str, str], str]:
    """Bytes of a Redis' memory a session, what the keys of one take, and the version of Redis."""
    with EmbeddedRedis() as embedded, Redis(port=embedded.port) as redis:
        before = used_memory(redis)
        asyncio.run(store(embedded.url, sessions, with_users))
        one = sessions[0]
        keys = {"state": state_key(0, one.session_id), "latest": latest_key(0, one.session_id)}
        keys["user"] = user_key(0, one.user_id)
        taken = {kind: f"{redis.memory_usage(key)} bytes" for kind, key in keys.items()}
        version = str(redis.info("server")["redis_version"])
        return (used_memory(redis) - before) / len(sessions), taken, version


def used_memory(redis: "Redis") -> int:
    """Bytes that Redis has allocated for data: without the buffers of its clients."""
    memory = redis.info("memory")
    return int(memory["used_memory"]) - int(memory["mem_clients_normal"])


def main() -> None:
    """Store sessions of each length and print a row of the table for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=20_000, help="to store of each length")
    count: int = parser.parse_args().sessions
    version = ""
    for length in LENGTHS:
        sessions = list(sessions_of(length, count, random.Random(length)))
        without_users, _, version = used_per_session(sessions, with_users=False)
        with_users, taken, _ = used_per_session(sessions, with_users=True)
        cells = [f"{length} items", taken["state"], taken["latest"], taken["user"]]
        cells += [f"{used / 1000:.1f} KB" for used in (without_users, with_users)]
        print(f"| {' | '.join(cells)} |")
    print(f"Redis {version}, {count} sessions; the keys by MEMORY USAGE, all in by the growth of used_memory")


if __name__ == "__main__":
    main()
