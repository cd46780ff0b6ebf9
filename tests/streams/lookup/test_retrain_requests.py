"""POST /admin/retrain: which message it leaves, who may send it, and when it does not say 202."""

import asyncio
from collections.abc import AsyncIterator

import msgspec
import pytest
from aiokafka import AIOKafkaConsumer

from schemas.retrain_request import RetrainRequest, decode_retrain_request
from streams.dev.ports import free_port
from streams.lookup.served_tables import CurrentTables
from tests.services.kafka_broker import Kafka
from tests.streams.lookup.shop_server import ShopServer, shop_server
from tests.waiting import DEADLINE_S

ADMIN, READER = "an-admin-key", "a-reader-key"
KEYS = {"lookup_admin_keys": [ADMIN], "lookup_api_keys": [READER]}


@pytest.fixture
def topic(kafka: Kafka, prefix: str) -> str:
    return kafka.create_topic(f"{prefix}retrain-requests", 1)


@pytest.fixture
async def shop(kafka: Kafka, redis_url: str, topic: str) -> AsyncIterator[ShopServer]:
    servers = kafka.bootstrap_servers
    settings = {"kafka_bootstrap_servers": servers, "retrain_requests_topic": topic, **KEYS}
    async with shop_server(redis_url, CurrentTables(), **settings) as running:
        yield running


async def requests(kafka: Kafka, topic: str, number: int) -> list[RetrainRequest]:
    """So many requests that lie in the topic."""
    async with AIOKafkaConsumer(
        topic, bootstrap_servers=kafka.bootstrap_servers, auto_offset_reset="earliest"
    ) as consumer:
        async with asyncio.timeout(DEADLINE_S):
            records = [await consumer.getone() for _ in range(number)]
    return [decode_retrain_request(record.value) for record in records]


async def test_request_is_in_the_topic_under_the_id_that_was_answered(
    shop: ShopServer, kafka: Kafka, topic: str
) -> None:
    plain = await shop.ask("/admin/retrain", "POST", x_api_key=ADMIN)
    told = await shop.ask("/admin/retrain?reason=a%20new%20season&from_scratch=true", "POST", x_api_key=ADMIN)
    assert (plain.status, told.status) == (202, 202)
    ids = [msgspec.json.decode(answer.body)["request_id"] for answer in (plain, told)]
    first, second = await requests(kafka, topic, 2)
    assert [first.request_id, second.request_id] == ids
    assert (first.reason, first.from_scratch) == (None, False)
    assert (second.reason, second.from_scratch) == ("a new season", True)
    assert second.requested_at.year > 2024


@pytest.mark.parametrize(("key", "status"), [(READER, 403), ("unknown", 401)])
async def test_only_an_admin_key_may_ask(shop: ShopServer, key: str, status: int) -> None:
    assert (await shop.ask("/admin/retrain", "POST", x_api_key=key)).status == status


@pytest.mark.parametrize(
    "query", ["from_scratch=perhaps", "reason=", f"reason={'x' * 257}"], ids=["bool", "empty", "long"]
)
async def test_wrong_parameter_is_refused(shop: ShopServer, query: str) -> None:
    answer = await shop.ask(f"/admin/retrain?{query}", "POST", x_api_key=ADMIN)
    assert answer.status == 400
    assert "give " in msgspec.json.decode(answer.body)["detail"]


async def test_get_is_not_possible(shop: ShopServer) -> None:
    assert (await shop.ask("/admin/retrain", x_api_key=ADMIN)).status == 405


async def test_without_kafka_nothing_is_accepted(redis_url: str) -> None:
    away = {"kafka_bootstrap_servers": f"127.0.0.1:{free_port()}", **KEYS}
    async with shop_server(redis_url, CurrentTables(), **away) as shop:
        answer = await shop.ask("/admin/retrain", "POST", x_api_key=ADMIN)
    assert (answer.status, answer.headers["retry-after"]) == (503, "1")
    assert "Kafka has not taken the request" in msgspec.json.decode(answer.body)["detail"]
