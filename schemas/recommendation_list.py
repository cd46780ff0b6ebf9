"""RecommendationList v1: what the worker writes to the `recommendations` topic, as JSON.

Writer: `streams.emitter`; its bytes are stored as the session's latest list. Readers: shop, `streams.lookup`.
Readers upsert by `recommendation_id` and keep, per session, the list with the greatest `source.offset`.
"""

from datetime import datetime
from typing import Literal

import msgspec

from schemas.ids import EventId, ItemId, RecommendationId, ReleaseId, SessionId, UserId

Strategy = Literal["gru4rec", "als", "popular"]


class ScoredItem(msgspec.Struct, frozen=True, gc=False):
    """One recommended item; scores compare within one list only."""

    item_id: ItemId
    score: float


class Source(msgspec.Struct, frozen=True, gc=False):
    """The position of the event that a list answers."""

    topic: str
    partition: int
    offset: int

    @property
    def recommendation_id(self) -> RecommendationId:
        """The list's id: a function of the event's position, so that a re-emission has the same."""
        return RecommendationId(f"{self.topic}-{self.partition}-{self.offset}")


class RecommendationList(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The top items for a session after one of its events, best first."""

    recommendation_id: RecommendationId
    source: Source
    session_id: SessionId
    release_id: ReleaseId
    strategy: Strategy
    items: list[ScoredItem]
    occurred_at: datetime
    produced_at: datetime
    user_id: UserId | None = None
    event_id: EventId | None = None
    repeat_of: EventId | None = None
    """The `event_id` that was processed before: the list was emitted from the state as it stood."""
    side_index_version: int | None = None
    """The version of the side index of new items that was searched beside the release, if any."""
    catalogue_version: int | None = None
    """The version of the item catalogue whose availability was applied."""


_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder(RecommendationList)
_FIELDS = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ITEMS = msgspec.json.Decoder(list[msgspec.Raw])


def encode_recommendation_list(recommendations: RecommendationList) -> bytes:
    """JSON bytes of the list."""
    return _ENCODER.encode(recommendations)


def decode_recommendation_list(value: bytes) -> RecommendationList:
    """The list from its JSON bytes.

    Raises:
        msgspec.DecodeError: the bytes are no RecommendationList v1.
    """
    return _DECODER.decode(value)


def cut_recommendation_list(value: bytes, k: int) -> bytes:
    """The list's bytes with its first k items; all else, fields of later versions included, as it is.

    Args:
        value: bytes of a RecommendationList.
        k: items to keep, ≥ 1; a shorter list comes back unchanged.

    Raises:
        msgspec.DecodeError: the bytes are no RecommendationList.
    """
    fields = _FIELDS.decode(value)
    items = _ITEMS.decode(fields.get("items", b""))
    return value if len(items) <= k else _ENCODER.encode({**fields, "items": items[:k]})
