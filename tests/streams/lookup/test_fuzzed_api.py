"""Requests that schemathesis draws from the OpenAPI document: none is answered with a failure."""

import asyncio
import json
from collections import Counter
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode

from schemas.redis_keys import ITEMS
from streams.dev.ports import free_port
from tests.services.kafka_broker import Kafka
from tests.streams.lookup.shop_server import ShopServer, current_tables, shop_server, store_list

ADMIN = "an-admin-key"
TIMEOUT_S = 60
MODES = [GenerationMode.POSITIVE, GenerationMode.NEGATIVE]


def ask_everything(shop: ShopServer, document: bytes, mode: GenerationMode, examples: int) -> Counter[int]:
    """Send the requests, the same in every run.

    Returns:
        How often each status was the answer.
    """
    statuses: Counter[int] = Counter()
    with requests.Session() as session:
        session.trust_env = False
        for found in schemathesis.openapi.from_dict(json.loads(document)).get_all_operations():
            operation = found.ok()  # type: ignore[union-attr]  # our document is valid

            @settings(
                max_examples=examples,
                deadline=None,
                derandomize=True,
                database=None,
                suppress_health_check=list(HealthCheck),
            )
            @given(case=operation.as_strategy(mode))
            def ask(case: "schemathesis.Case[Any]") -> None:
                answer = case.call(
                    base_url=f"http://127.0.0.1:{shop.port}",
                    session=session,
                    headers={"X-API-Key": ADMIN},
                    timeout=TIMEOUT_S,
                )
                statuses[answer.status_code] += 1

            with suppress(Unsatisfiable):  # of a route without parameters nothing wrong can be drawn
                ask()
    return statuses


async def statuses_of(shop: ShopServer, mode: GenerationMode, examples: int) -> Counter[int]:
    document = (await shop.ask("/schema/openapi.json")).body
    return await asyncio.to_thread(ask_everything, shop, document, mode, examples)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES)
async def test_no_request_is_answered_with_a_failure(
    kafka: Kafka, redis_url: str, prefix: str, tmp_path: Path, mode: GenerationMode
) -> None:
    options = {
        "kafka_bootstrap_servers": kafka.bootstrap_servers,
        "event_topics": [kafka.create_topic(f"{prefix}events")],
        "retrain_requests_topic": kafka.create_topic(f"{prefix}retrain-requests", 1),
        "lookup_admin_keys": [ADMIN],
    }
    async with shop_server(redis_url, current_tables(tmp_path), **options) as shop:
        await store_list(shop.redis, "0", ["x", "y", "z"])
        await shop.redis.hset(ITEMS, "0", b'{"item_id":"0"}')
        statuses = await statuses_of(shop, mode, examples=25)
    assert [status for status in statuses if status >= 500] == []
    assert {200, 202} & statuses.keys()
    assert statuses.total() >= 75


@pytest.mark.timeout(300)
@pytest.mark.parametrize("mode", MODES)
async def test_without_redis_the_only_failure_is_unavailable(tmp_path: Path, mode: GenerationMode) -> None:
    away = f"redis://127.0.0.1:{free_port()}/0"
    async with shop_server(away, current_tables(tmp_path), lookup_admin_keys=[ADMIN]) as shop:
        statuses = await statuses_of(shop, mode, examples=10)
    assert [status for status in statuses if status > 500] == [503]
    assert 500 not in statuses
