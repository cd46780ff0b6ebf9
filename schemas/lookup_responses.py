"""What the HTTP lookup answers, as JSON. Writer: `streams.lookup`. Readers: the shop.

`items` and `strategy` are in every list: a client that reads these two needs no case distinction.
"""

from datetime import datetime
from typing import Literal

import msgspec

from schemas.ids import EventId, ItemId, RecommendationId, ReleaseId, SessionId, UserId
from schemas.recommendation_list import ScoredItem, Source, Strategy


class SessionRecommendations(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The session's latest RecommendationList as it was emitted, its items cut to k.

    For a session of which no list is stored: the release's popular items under `strategy: popular`, without
    `recommendation_id`, `source` and times, since no event was answered.
    """

    session_id: SessionId
    release_id: ReleaseId
    strategy: Strategy
    items: list[ScoredItem]
    recommendation_id: RecommendationId | None = None
    source: Source | None = None
    occurred_at: datetime | None = None
    produced_at: datetime | None = None
    user_id: UserId | None = None
    event_id: EventId | None = None
    repeat_of: EventId | None = None
    side_index_version: int | None = None
    catalogue_version: int | None = None


class PopularItems(msgspec.Struct, frozen=True, kw_only=True):
    """The most popular items of the release and its side index that may be shown, best first."""

    release_id: ReleaseId
    side_index_version: int | None = None
    """Of the new items among which they were chosen."""
    strategy: Literal["popular"] = "popular"
    items: list[ScoredItem]


class SimilarItems(msgspec.Struct, frozen=True, kw_only=True):
    """The items nearest to an item that may be shown, nearest first; the score is their cosine.

    New items, and those of a new item's list, stand where the recommender would list them, whatever their
    cosine.
    """

    release_id: ReleaseId
    side_index_version: int | None = None
    """Of the new items among which they were chosen."""
    item_id: ItemId
    strategy: Literal["similar"] = "similar"
    items: list[ScoredItem]


class ErasureAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of DELETE: erase events were produced and acknowledged; the worker erases in log order."""

    sessions: int
    """How many sessions are being erased."""


class RetrainAccepted(msgspec.Struct, frozen=True, kw_only=True):
    """The answer of `POST /admin/retrain`: the request was produced and acknowledged."""

    request_id: str
    """As `millrace retrain status --json` shows it with the cycle that answered it."""


class ServiceStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The answer of `/healthz` and, where requests can be answered, of `/readyz`."""

    status: Literal["alive", "ready"]
    troubles: dict[str, str] = {}
    """What is away though requests are answered, by its name: new releases are not learnt of meanwhile."""


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """An error, as RFC 9457 has it (`application/problem+json`)."""

    type: str
    """`urn:millrace:problem:…`, or `about:blank` where the status says all."""
    title: str
    status: int
    detail: str
    """What was wrong, the value, and what to do."""
    instance: str
    """The path that was asked for."""
