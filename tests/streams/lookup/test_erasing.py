"""DELETE of a session and of a user: which erase events it sends where, and when it does not say 202."""

from collections.abc import AsyncIterator
from typing import Any, NamedTuple, cast

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from schemas.errors import Unavailable
from schemas.ids import SessionId, UserId
from schemas.item_event import EraseSession, decode_event
from schemas.recommendation_list import encode_recommendation_list
from schemas.redis_keys import bucket_of, latest_key, state_key, user_key
from schemas.session_state import SessionState, encode_session_state
from streams.dev.ports import free_port
from streams.lookup.erase_producer import EraseProducer
from streams.lookup.erasing import Erasing
from streams.lookup.served_tables import CurrentTables
from streams.redis_clients import open_redis
from streams.settings import LookupSettings
from tests.services.kafka_broker import Kafka
from tests.streams.lookup.shop_server import BUCKETS, Answer, ShopServer, a_list, shop_server

ADMIN = "an-admin-key"
PARTITIONS = 3


class Sent(NamedTuple):
    topic: str
    partition: int
    key: str
    session_id: str
    user_id: str | None
    whole_user: bool = False


class Stage(NamedTuple):
    shop: ShopServer
    kafka: Kafka
    topics: list[str]

    async def delete(self, path: str) -> Answer:
        return await self.shop.ask(path, "DELETE", x_api_key=ADMIN)

    async def store(self, session: str, home: int | None, user: str | None = None) -> None:
        session_id, bucket = SessionId(session), bucket_of(SessionId(session), BUCKETS)
        if home is not None:
            state = encode_session_state(SessionState(home_partition=home))
            await self.shop.redis.set(state_key(bucket, session_id), state)
        latest = msgspec.structs.replace(a_list(session, ["x"]), user_id=user)
        await self.shop.redis.set(latest_key(bucket, session_id), encode_recommendation_list(latest))
        if user is not None:
            added = self.shop.redis.sadd(user_key(bucket, UserId(user)), session)
            await cast(Any, added)

    async def sent(self) -> list[Sent]:
        """Everything that lies in the event topics."""
        found = []
        async with AIOKafkaConsumer(
            bootstrap_servers=self.kafka.bootstrap_servers,
            auto_offset_reset="earliest",
            fetch_max_wait_ms=50,
        ) as consumer:
            partitions = [TopicPartition(topic, at) for topic in self.topics for at in range(PARTITIONS)]
            consumer.assign(partitions)
            ends = await consumer.end_offsets(partitions)
            for partition in partitions:
                while await consumer.position(partition) < ends[partition]:
                    record = await consumer.getone(partition)
                    event = decode_event(record.value)
                    assert isinstance(event, EraseSession)
                    assert event.occurred_at_ms > 1_700_000_000_000
                    key = record.key.decode()
                    whose = (event.session_id, event.user_id, event.whole_user)
                    found.append(Sent(partition.topic, partition.partition, key, *whose))
        return found


@pytest.fixture
async def stage(kafka: Kafka, redis_url: str, prefix: str) -> AsyncIterator[Stage]:
    topics = [kafka.create_topic(f"{prefix}{name}", PARTITIONS) for name in ("views", "carts")]
    settings = {
        "kafka_bootstrap_servers": kafka.bootstrap_servers,
        "event_topics": topics,
        "lookup_admin_keys": [ADMIN],
    }
    async with shop_server(redis_url, CurrentTables(), **settings) as shop:
        yield Stage(shop, kafka, topics)


async def test_session_is_erased_at_home_in_every_event_topic(stage: Stage) -> None:
    await stage.store("s/1", home=2, user="u1")
    answer = await stage.delete("/sessions/s%2F1")
    assert (answer.status, answer.body) == (202, b'{"sessions":1}')
    assert await stage.sent() == [Sent(topic, 2, "s/1", "s/1", "u1") for topic in stage.topics]


async def test_session_without_a_state_is_erased_in_every_partition(stage: Stage) -> None:
    assert (await stage.delete("/sessions/gone")).status == 202
    assert await stage.sent() == [
        Sent(topic, partition, "gone", "gone", None)
        for topic in stage.topics
        for partition in range(PARTITIONS)
    ]


@pytest.mark.parametrize("state", [encode_session_state(SessionState(home_partition=PARTITIONS)), b"?"])
async def test_state_that_names_no_partition_erases_in_every_one(stage: Stage, state: bytes) -> None:
    session = SessionId("s1")
    await stage.shop.redis.set(state_key(bucket_of(session, BUCKETS), session), state)
    await stage.shop.redis.set(latest_key(bucket_of(session, BUCKETS), session), b"?")
    assert (await stage.delete("/sessions/s1")).status == 202
    assert len(await stage.sent()) == len(stage.topics) * PARTITIONS


async def test_user_is_erased_session_by_session(stage: Stage) -> None:
    for at in range(5):
        await stage.store(f"s{at}", home=at % PARTITIONS, user="ü/1")
    await stage.store("other", home=0, user="another")
    answer = await stage.delete("/users/%C3%BC%2F1")
    assert (answer.status, answer.body) == (202, b'{"sessions":5}')
    sent = await stage.sent()
    wanted = [
        Sent(topic, at % PARTITIONS, f"s{at}", f"s{at}", "ü/1", whole_user=True)
        for topic in stage.topics
        for at in range(5)
    ]
    assert sorted(sent) == sorted(wanted)


async def test_user_without_sessions_is_accepted_and_nothing_sent(stage: Stage) -> None:
    answer = await stage.delete("/users/nobody")
    assert (answer.status, answer.body) == (202, b'{"sessions":0}')
    assert await stage.sent() == []


@pytest.mark.parametrize("path", ["/sessions/{}", "/users/{}"])
async def test_id_that_no_event_can_bear_is_refused(stage: Stage, path: str) -> None:
    answer = await stage.delete(path.format("x" * 257))
    assert answer.status == 400
    assert "1 to 256" in msgspec.json.decode(answer.body)["detail"]
    assert await stage.sent() == []


@pytest.mark.parametrize(
    ("path", "status", "remedy"),
    [
        ("/sessions/s1?2", 400, "percent-encode a ? in an id (%3F)"),
        ("/users/u1?2", 400, "percent-encode a ? in an id (%3F)"),
        ("/sessions/s1#2", 400, "percent-encode a # in an id (%23)"),
        ("/sessions/s1/", 404, "there is no /sessions/s1/"),
        ("/users/u1/", 404, "there is no /users/u1/"),
    ],
)
async def test_id_that_is_not_encoded_erases_no_other(
    stage: Stage, path: str, status: int, remedy: str
) -> None:
    for session in ("s1", "s1?2", "s1#2", "s1/"):
        await stage.store(session, home=0, user="u1")
    answer = await stage.delete(path)
    assert answer.status == status
    assert remedy in msgspec.json.decode(answer.body)["detail"]
    assert await stage.sent() == []


async def test_deleting_needs_an_admin_key(stage: Stage) -> None:
    assert (await stage.shop.ask("/sessions/s1", "DELETE")).status == 401
    assert await stage.sent() == []


async def test_without_redis_nothing_is_accepted_and_nothing_sent(stage: Stage) -> None:
    settings = {
        "kafka_bootstrap_servers": stage.kafka.bootstrap_servers,
        "event_topics": stage.topics,
        "lookup_admin_keys": [ADMIN],
    }
    away = f"redis://127.0.0.1:{free_port()}/0"
    async with shop_server(away, CurrentTables(), **settings) as shop:
        for path in ("/sessions/s1", "/users/u1"):
            answer = await shop.ask(path, "DELETE", x_api_key=ADMIN)
            assert answer.status == 503
            assert msgspec.json.decode(answer.body)["type"] == "urn:millrace:problem:unavailable"
    assert await stage.sent() == []


async def test_without_kafka_nothing_is_accepted_and_lookups_go_on(redis_url: str) -> None:
    away = {"kafka_bootstrap_servers": f"127.0.0.1:{free_port()}", "lookup_admin_keys": [ADMIN]}
    async with shop_server(redis_url, CurrentTables(), **away) as shop:
        answer = await shop.ask("/sessions/s1", "DELETE", x_api_key=ADMIN)
        assert (answer.status, answer.headers["retry-after"]) == (503, "1")
        assert "Kafka" in msgspec.json.decode(answer.body)["detail"]
        assert (await shop.ask("/sessions/s1/recommendations?fallback=none")).status == 404


async def test_kafka_that_does_not_answer_in_time_is_unavailable(
    kafka: Kafka, redis_url: str, prefix: str
) -> None:
    settings = LookupSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers, event_topics=[f"{prefix}there-is-no-such-topic"]
    )
    redis = open_redis(settings.model_copy(update={"redis_url": redis_url}), 1.0)
    producer = EraseProducer(settings, timeout_s=0.0)
    with pytest.raises(Unavailable, match="Kafka has not taken the erase events: no answer within 0 s"):
        await Erasing(redis, 1, producer, lambda: 1.0).erase_session(SessionId("s1"))
    await producer.stop()
    await redis.aclose()
