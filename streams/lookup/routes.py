"""The routes that the shop reads. Each reads one thing and answers; what is wrong becomes a problem.

Caller: `streams.lookup.application`.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Literal
from urllib.parse import unquote

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import PathParameter, QueryParameter, SkipValidation

from schemas.ids import ItemId, SessionId
from schemas.item_metadata import ItemMetadata
from schemas.lookup_responses import (
    PopularItems,
    Problem,
    SessionRecommendations,
    SimilarItems,
)
from schemas.recommendation_list import cut_recommendation_list
from streams.health import Health
from streams.lookup.admission import Admission
from streams.lookup.answer_headers import JSON, PROBLEM_JSON
from streams.lookup.erasing import Erasing
from streams.lookup.lookup_metrics import LookupMetrics
from streams.lookup.problems import ProblemError, invalid_parameter
from streams.lookup.redis_reading import RedisReading
from streams.lookup.retrain_producer import RetrainProducer
from streams.lookup.served_tables import CurrentTables, ServedTables

RECOMMENDATIONS = "/sessions/{session_id}/recommendations"
"""The route of the latest lists, as the metrics call it."""
K = Annotated[
    int | None,
    QueryParameter(ge=1, le=1000, description="Items at most, 1 to 1000; by default what MILLRACE_K says."),
]
SessionPath = Annotated[str, PathParameter(description="The session's id, percent-encoded where need be.")]
UserPath = Annotated[str, PathParameter(description="The user's id, percent-encoded where need be.")]
ItemPath = Annotated[str, PathParameter(description="The item's id, percent-encoded where need be.")]
Fallback = Annotated[
    Literal["popular", "none"],
    QueryParameter(description="What to answer for a session without a list: popular items, or 404."),
]


@dataclass(frozen=True)
class Lookup:
    """What the routes read."""

    redis: RedisReading
    current: CurrentTables
    health: Health
    metrics: LookupMetrics
    admission: Admission
    erasing: Erasing
    retraining: RetrainProducer
    k: int
    """The length of a list where the request names none."""


Parts = NamedDependency[SkipValidation[Lookup]]


def problem_responses(*statuses: int) -> dict[int, ResponseSpec]:
    """For the OpenAPI document: the problems of a route, those of who may not ask among them."""
    return {
        status: ResponseSpec(
            Problem, media_type=PROBLEM_JSON, description=HTTPStatus(status).phrase, generate_examples=False
        )
        for status in sorted({401, 429, *statuses})
    }


def _ok(body: type) -> dict[int, ResponseSpec]:
    return {200: ResponseSpec(body, media_type=JSON, description="Found", generate_examples=False)}


@get(
    "/sessions/{session_id:str}/recommendations",
    responses=_ok(SessionRecommendations) | problem_responses(400, 404, 503),
)
async def session_recommendations(
    lookup: Parts, session_id: SessionPath, k: K = None, fallback: Fallback = "popular"
) -> Response[bytes] | SessionRecommendations:
    """The session's latest list as the worker emitted it, cut to k; popular items where there is none."""
    session = SessionId(decode_id(session_id, "session_id"))
    stored = await lookup.redis.latest_lists.ask(session)
    if stored is not None:
        return Response(cut_recommendation_list(stored, k or lookup.k), media_type=JSON)
    if fallback == "none":
        raise ProblemError(
            "unknown-session",
            HTTPStatus.NOT_FOUND,
            "Unknown session",
            f"no list is stored of session {session!r}; without fallback=none popular items are the answer",
        )
    tables = tables_of(lookup)
    lookup.metrics.fallbacks.inc()
    return SessionRecommendations(
        session_id=session,
        release_id=tables.release.release_id,
        side_index_version=tables.side_index_version,
        strategy="popular",
        items=tables.popular[: k or lookup.k],
    )


@get("/items/{item_id:str}/similar", responses=problem_responses(400, 404, 503))
async def similar_items(lookup: Parts, item_id: ItemPath, k: K = None) -> SimilarItems:
    """The items nearest to this one, those left out that must not be shown."""
    item, tables = ItemId(decode_id(item_id, "item_id")), tables_of(lookup)
    if tables.neighbours is None:
        items = tables.similar(item, k or lookup.k)
    else:
        items = await asyncio.to_thread(tables.similar, item, k or lookup.k)
    if items is None:
        raise ProblemError(
            "unknown-item",
            HTTPStatus.NOT_FOUND,
            "Unknown item",
            f"release {tables.release.release_id} and its new items have no item {item!r}; later ones may",
        )
    return SimilarItems(
        release_id=tables.release.release_id,
        side_index_version=tables.side_index_version,
        item_id=item,
        items=items,
    )


@get("/items/{item_id:str}", responses=_ok(ItemMetadata) | problem_responses(400, 404, 503))
async def item_metadata(lookup: Parts, item_id: ItemPath) -> Response[bytes]:
    """What the shop says of an item: title, category, price, availability."""
    item = ItemId(decode_id(item_id, "item_id"))
    stored = await lookup.redis.item(item)
    if stored is None:
        detail = f"the catalogue has no item {item!r}; the shop sends items to the topic of items"
        raise ProblemError("unknown-item", HTTPStatus.NOT_FOUND, "Unknown item", detail)
    return Response(stored, media_type=JSON)


@get("/popular", responses=problem_responses(400, 503))
async def popular_items(lookup: Parts, k: K = None) -> PopularItems:
    """The most popular items, new ones among them, those left out that must not be shown."""
    tables = tables_of(lookup)
    return PopularItems(
        release_id=tables.release.release_id,
        side_index_version=tables.side_index_version,
        items=tables.popular[: k or lookup.k],
    )


ROUTES = [session_recommendations, similar_items, item_metadata, popular_items]


def decode_id(segment: str, name: str) -> str:
    """The id in a path segment.

    Raises:
        ProblemError: the segment is not percent-encoded UTF-8.
    """
    try:
        return unquote(segment, errors="strict")
    except UnicodeDecodeError as error:
        detail = f"path parameter {name}={segment}: not UTF-8; percent-encode the id's UTF-8 bytes"
        raise invalid_parameter(detail) from error


def tables_of(lookup: Lookup) -> ServedTables:
    """What is served of the release.

    Raises:
        ProblemError: there is none yet.
    """
    if lookup.current.tables is None:
        raise ProblemError(
            "no-release",
            HTTPStatus.SERVICE_UNAVAILABLE,
            "No release",
            _why_no_release(lookup.health.troubles),
        )
    return lookup.current.tables


def _why_no_release(troubles: Mapping[str, str]) -> str:
    why = "; ".join(troubles.values()) or "announce one with `millrace releases promote`"
    return f"no release is loaded yet; {why}"
