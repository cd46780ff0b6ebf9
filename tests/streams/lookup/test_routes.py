"""The lookup's routes, over HTTP's own path encoding, with a real Redis."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast
from urllib.parse import quote

import httpx
import numpy as np
import pytest
from redis.asyncio import Redis

from models.side_index import SideIndex
from schemas.ids import ItemId, ReleaseId, SessionId
from schemas.redis_keys import ITEMS, bucket_of, latest_key
from streams.availability import Availability
from streams.dev.ports import free_port
from streams.lookup.application import create_application
from streams.lookup.erase_producer import EraseProducer
from streams.lookup.routes import Lookup
from streams.lookup.served_tables import CurrentTables
from streams.settings import LookupSettings
from tests.side_index_builder import some_side_items
from tests.streams.lookup.shop_server import BUCKETS, a_lookup, current_tables, store_list

METHODS = {"/sessions/{session_id}": "DELETE", "/users/{user_id}": "DELETE", "/admin/retrain": "POST"}
AWKWARD_IDS = [
    "plain",
    "a/b",
    "a b",
    "ä/ö?x=1#y",
    "%2F",
    ".",
    "..",
    "../..",
    "a//b",
    "a+b&c",
    "\N{PILE OF POO}",
    "recommendations",
]


class Shop:
    """The application, its client, and what stands in Redis."""

    def __init__(self, client: httpx.AsyncClient, redis: "Redis", lookup: Lookup) -> None:
        self._client = client
        self.redis = redis
        self.current = lookup.current
        self.health = lookup.health

    async def get(self, path: str, status: int = 200) -> dict[str, Any]:
        response = await self._client.get(httpx.URL("http://lookup", raw_path=path.encode()))
        assert response.status_code == status, response.text
        kind = "application/json" if status == 200 else "application/problem+json"
        assert response.headers["content-type"] == kind
        body = cast(dict[str, Any], response.json())
        if status != 200:
            assert sorted(body) == ["detail", "instance", "status", "title", "type"]
            assert (body["status"], body["instance"]) == (status, path.partition("?")[0])
        return body

    async def raw(self, method: str, path: str, **headers: str) -> httpx.Response:
        return await self._client.request(method, path, headers=headers)

    async def store_list(self, session_id: str, items: list[str]) -> bytes:
        return await store_list(self.redis, session_id, items)


async def serve(redis_url: str, current: CurrentTables) -> AsyncIterator[Shop]:
    settings = LookupSettings(redis_url=redis_url, redis_buckets=BUCKETS)
    lookup, redis = a_lookup(settings, current, EraseProducer(settings))
    transport = httpx.ASGITransport(cast(Any, create_application(lookup)))
    async with httpx.AsyncClient(transport=transport, base_url="http://lookup") as client:
        yield Shop(client, redis, lookup)
    await redis.aclose()


@pytest.fixture
async def shop(redis_url: str, tmp_path: Path) -> AsyncIterator[Shop]:
    async for shop in serve(redis_url, current_tables(tmp_path)):
        yield shop


@pytest.fixture
async def shop_without_release(redis_url: str) -> AsyncIterator[Shop]:
    async for shop in serve(redis_url, CurrentTables()):
        yield shop


@pytest.fixture
async def shop_without_redis(tmp_path: Path) -> AsyncIterator[Shop]:
    async for shop in serve(f"redis://127.0.0.1:{free_port()}/0", CurrentTables()):
        yield shop


def encoded(one_id: str) -> str:
    """Also `.` and `..`, which clients otherwise take for parts of the path."""
    return quote(one_id, safe="").replace(".", "%2E")


def item_ids(body: dict[str, Any]) -> list[str]:
    return [item["item_id"] for item in body["items"]]


async def test_latest_list_is_returned_as_it_was_emitted(shop: Shop) -> None:
    stored = await shop.store_list("s1", ["x", "y"])
    response = await shop.raw("GET", "/sessions/s1/recommendations")
    assert response.content == stored


async def test_latest_list_is_cut_to_k(shop: Shop) -> None:
    await shop.store_list("s1", ["x", "y", "z"])
    assert item_ids(await shop.get("/sessions/s1/recommendations")) == ["x", "y"]
    body = await shop.get("/sessions/s1/recommendations?k=1")
    assert item_ids(body) == ["x"]
    assert (body["recommendation_id"], body["strategy"]) == ("events-3-41", "gru4rec")
    assert item_ids(await shop.get("/sessions/s1/recommendations?k=1000")) == ["x", "y", "z"]


@pytest.mark.parametrize("session_id", AWKWARD_IDS)
async def test_any_session_id_can_be_looked_up(shop: Shop, session_id: str) -> None:
    await shop.store_list(session_id, ["x"])
    assert (await shop.get(f"/sessions/{encoded(session_id)}/recommendations"))["session_id"] == session_id


async def test_unknown_session_gets_popular_items(shop: Shop) -> None:
    assert await shop.get("/sessions/new/recommendations?k=1") == {
        "session_id": "new",
        "release_id": "r1",
        "strategy": "popular",
        "items": [{"item_id": "a", "score": pytest.approx(0.4)}],
    }


async def test_unknown_session_is_a_problem_without_fallback(shop: Shop) -> None:
    body = await shop.get("/sessions/new/recommendations?fallback=none", status=404)
    assert body["type"] == "urn:millrace:problem:unknown-session"
    assert "'new'" in body["detail"]


async def test_similar_items(shop: Shop) -> None:
    body = await shop.get("/items/b/similar")
    assert item_ids(body) == ["c", "d/e"]
    assert (body["item_id"], body["release_id"], body["strategy"]) == ("b", "r1", "similar")
    assert body["side_index_version"] is None
    assert item_ids(await shop.get("/items/d%2Fe/similar?k=1")) == ["a"]


async def test_similar_items_of_an_unknown_item_are_a_problem(shop: Shop) -> None:
    body = await shop.get("/items/nope/similar", status=404)
    assert body["type"] == "urn:millrace:problem:unknown-item"
    assert "r1" in body["detail"]


async def test_new_items_are_among_similar_and_popular_ones_and_answers_name_their_version(
    shop: Shop,
) -> None:
    found = some_side_items(np.ones((1, 4), dtype=np.float32))
    side = SideIndex(found.vocabulary, found.vectors, found.popular, ReleaseId("r1"), 7, query_length=1.0)
    prepared = shop.current.with_side_index(side)
    assert prepared is not None
    assert shop.current.use_side_index(prepared)
    similar = await shop.get("/items/n0/similar?k=3")
    assert (item_ids(similar), similar["side_index_version"]) == (["a", "b", "c"], 7)
    assert "n0" in item_ids(await shop.get("/items/a/similar?k=5"))
    popular = await shop.get("/popular?k=1000")
    assert (item_ids(popular)[-1], popular["side_index_version"]) == ("n0", 7)
    assert (await shop.get("/sessions/new/recommendations"))["side_index_version"] == 7
    assert (await shop.get("/items/nope/similar", status=404))["detail"].startswith("release r1 and its")


async def test_popular_items_leave_out_what_must_not_be_shown(shop: Shop) -> None:
    assert item_ids(await shop.get("/popular")) == ["a", "b"]
    shop.current.use_availability(Availability(1, frozenset({ItemId("a")})))
    assert item_ids(await shop.get("/popular?k=3")) == ["b", "c", "d/e"]


async def test_item_is_returned_as_the_shop_sent_it(shop: Shop) -> None:
    await cast(Any, shop.redis.hset(ITEMS, "d/e", b'{"item_id":"d/e","title":"Mug","new":1}'))
    assert await shop.get("/items/d%2Fe") == {"item_id": "d/e", "title": "Mug", "new": 1}
    assert "nope" in (await shop.get("/items/nope", status=404))["detail"]


@pytest.mark.parametrize("k", ["0", "1001", "-1", "1.5", "many", ""])
@pytest.mark.parametrize("path", ["/popular", "/items/a/similar", "/sessions/s/recommendations"])
async def test_wrong_k_is_named_with_its_value_and_the_remedy(shop: Shop, path: str, k: str) -> None:
    body = await shop.get(f"{path}?k={k}", status=400)
    assert body["detail"].startswith(f"query parameter k={k}: ")
    assert body["detail"].endswith("give a whole number from 1 to 1000")


async def test_wrong_fallback_is_named_with_its_value_and_the_remedy(shop: Shop) -> None:
    body = await shop.get("/sessions/s/recommendations?fallback=maybe", status=400)
    assert body["detail"].startswith("query parameter fallback=maybe: ")
    assert body["detail"].endswith("give `popular` or `none`")


async def test_id_that_is_no_text_is_a_problem(shop: Shop) -> None:
    assert "percent-encode" in (await shop.get("/sessions/%ff/recommendations", status=400))["detail"]
    assert "percent-encode" in (await shop.get("/items/%ff/similar", status=400))["detail"]


@pytest.mark.parametrize(
    "path",
    [
        "/nope",
        "/",
        "/sessions//recommendations",
        "/items//similar",
        "//popular",
        "/users",
        "/items/a/b/similar",
        "/items/a/",
        "/sessions/s/recommendations/",
    ],
)
async def test_unknown_path_is_a_problem(shop: Shop, path: str) -> None:
    body = await shop.get(path, status=404)
    assert body["type"] == "about:blank"
    assert path in body["detail"]


async def test_wrong_method_is_a_problem(shop: Shop) -> None:
    response = await shop.raw("POST", "/popular")
    assert response.status_code == 405
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["allow"] == "GET, HEAD, OPTIONS"
    assert response.json()["detail"].startswith("POST is not possible here")


async def test_other_refusals_of_the_server_are_problems(shop: Shop) -> None:
    response = await shop.raw("GET", "/popular", host="not a host")
    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert response.json()["detail"] == "Invalid host header"


async def test_without_a_release_lists_are_served_and_the_rest_waits(shop_without_release: Shop) -> None:
    shop = shop_without_release
    await shop.store_list("s1", ["x"])
    assert item_ids(await shop.get("/sessions/s1/recommendations")) == ["x"]
    for path in ("/sessions/new/recommendations", "/items/a/similar", "/popular", "/readyz"):
        assert (await shop.get(path, status=503))["type"] == "urn:millrace:problem:no-release"


async def test_redis_that_is_away_is_unavailable_not_a_failure(shop_without_redis: Shop) -> None:
    shop = shop_without_redis
    for path in ("/sessions/s1/recommendations", "/items/a", "/readyz"):
        assert (await shop.get(path, status=503))["type"] == "urn:millrace:problem:unavailable"
        assert (await shop.raw("GET", path)).headers["retry-after"] == "1"
    assert await shop.get("/healthz") == {"status": "alive"}


async def test_bug_is_a_problem_without_its_traceback(shop: Shop) -> None:
    await shop.redis.set(latest_key(bucket_of(SessionId("s1"), BUCKETS), SessionId("s1")), b"not JSON")
    body = await shop.get("/sessions/s1/recommendations", status=500)
    assert body["detail"] == "the lookup failed; its log says more"


async def test_readiness_names_what_is_away(shop: Shop, shop_without_release: Shop) -> None:
    shop.health.fail("releases topic", "Kafka is away")
    troubles = {"releases topic": "Kafka is away"}
    assert await shop.get("/readyz") == {"status": "ready", "troubles": troubles}
    shop_without_release.health.fail("releases topic", "Kafka is away")
    problem = await shop_without_release.get("/readyz", status=503)
    assert problem["detail"] == "no release is loaded yet; Kafka is away"


async def test_ready_with_redis_and_a_release(shop: Shop) -> None:
    assert await shop.get("/readyz") == {"status": "ready"}
    assert await shop.get("/healthz") == {"status": "alive"}


async def test_metrics_count_requests_by_route_and_status(shop: Shop) -> None:
    await asyncio.gather(*(shop.get(f"/sessions/new{at}/recommendations") for at in range(3)))
    await shop.get("/nope", status=404)
    text = (await shop.raw("GET", "/metrics")).text
    route = 'route="/sessions/{session_id}/recommendations",status="200"'
    assert f"millrace_lookup_requests_total{{{route}}} 3.0" in text
    assert 'millrace_lookup_requests_total{route="unknown",status="404"} 1.0' in text
    assert "millrace_lookup_fallbacks_total 3.0" in text


async def test_schema_page_is_complete_in_itself(shop: Shop) -> None:
    response = await shop.raw("GET", "/schema")
    assert response.headers["content-type"].startswith("text/html")
    assert re.findall(r"(?:https?:)?//[\w.]+|<script|@import", response.text) == []
    document = (await shop.raw("GET", "/schema/openapi.json")).json()
    for path in document["paths"]:
        assert f"{METHODS.get(path, 'GET')} {path}" in response.text
    for name in document["components"]["schemas"]:
        assert f"id='{name}'" in response.text


async def test_openapi_describes_lists_and_problems(shop: Shop) -> None:
    response = await shop.raw("GET", "/schema/openapi.json")
    document = response.json()
    assert sorted(document["paths"]) == [
        "/admin/retrain",
        "/healthz",
        "/items/{item_id}",
        "/items/{item_id}/similar",
        "/popular",
        "/readyz",
        "/sessions/{session_id}",
        "/sessions/{session_id}/recommendations",
        "/users/{user_id}",
    ]
    page = (Path(__file__).parents[3] / "docs" / "lookup.md").read_text()
    assert [path for path in document["paths"] if f" {path}" not in page] == []
    responses = document["paths"]["/sessions/{session_id}/recommendations"]["get"]["responses"]
    assert responses["200"]["content"]["application/json"]["schema"] == {
        "$ref": "#/components/schemas/SessionRecommendations"
    }
    assert responses["503"]["content"]["application/problem+json"]["schema"] == {
        "$ref": "#/components/schemas/Problem"
    }
