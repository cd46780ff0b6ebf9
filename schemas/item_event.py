"""ItemEvent v1: what the shop writes to the `events` topic, and its decoding.

Readers: `streams` (the worker), `schemas.event_files` (event files). Writers: the shop, `streams.replaying`,
`streams.lookup` (erase events).
The value is JSON, or a CloudEvent 1.0 around that JSON (see `schemas.cloud_events`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal

import msgspec

from schemas.cloud_events import Envelope, Headers, open_envelope
from schemas.errors import InvalidEvent
from schemas.ids import MAX_ID_BYTES, EventId, ItemId, RecommendationId, SessionId, UserId
from schemas.timestamps import MAX_TIME_MS, from_epoch_ms, to_epoch_ms

EventType = Literal["view", "cart", "purchase"]
EVENT_TYPES: tuple[EventType, ...] = ("view", "cart", "purchase")
"""The event types in the order of their codes: view 0, cart 1, purchase 2. Appended to, never reordered."""

ERASE = "erase"
"""The control event: delete what is stored of the session."""

DEFAULT_EVENT_TYPE_MAP: Mapping[str, str] = {
    "click": "view",
    "clicks": "view",
    "addtocart": "cart",
    "add_to_cart": "cart",
    "carts": "cart",
    "transaction": "purchase",
    "order": "purchase",
    "orders": "purchase",
    "buy": "purchase",
}
"""Other names of the event types that are understood without configuration."""


class ItemEvent(msgspec.Struct, frozen=True, kw_only=True):
    """One view, cart or purchase of one item in one session. Times are epoch milliseconds, UTC."""

    session_id: SessionId
    item_id: ItemId
    event_type: EventType
    occurred_at_ms: int
    event_id: EventId | None = None
    user_id: UserId | None = None
    price: float | None = None
    quantity: float | None = None
    context: dict[str, Any] | None = None
    consent: bool = True
    recommendation_id: RecommendationId | None = None
    position: int | None = None


class EraseSession(msgspec.Struct, frozen=True, kw_only=True):
    """The control event `erase`: state and latest list of the session are deleted, in log order."""

    session_id: SessionId
    occurred_at_ms: int
    user_id: UserId | None = None
    """Whose set of sessions it is taken out of, where that is known."""
    whole_user: bool = False
    """It is one of the erase events of all the user's sessions: the archive forgets all of the user."""


class ItemEventV1(msgspec.Struct, frozen=True, kw_only=True):
    """The JSON object on the wire. Unknown fields are ignored."""

    session_id: str | int
    event_type: str | None = None
    item_id: str | int | None = None
    occurred_at: datetime | int | None = None
    event_id: str | int | None = None
    user_id: str | int | None = None
    price: float | None = None
    quantity: float | None = None
    context: dict[str, Any] | None = None
    consent: bool = True
    recommendation_id: str | None = None
    position: int | None = None
    whole_user: bool = False


_DECODER = msgspec.json.Decoder(ItemEventV1)
_BARE = Envelope()


def encode_erase_session(erase: EraseSession) -> bytes:
    """JSON bytes of the control event."""
    fields = {
        "session_id": erase.session_id,
        "event_type": ERASE,
        "occurred_at": from_epoch_ms(erase.occurred_at_ms),
        "user_id": erase.user_id,
        "whole_user": erase.whole_user or None,
    }
    return msgspec.json.encode({name: value for name, value in fields.items() if value is not None})


def decode_event(
    value: bytes | None,
    headers: Headers = (),
    event_type_map: Mapping[str, str] = DEFAULT_EVENT_TYPE_MAP,
) -> ItemEvent | EraseSession:
    """Decode the value of one Kafka message.

    Args:
        value: the message's bytes.
        headers: the message's headers; those of a CloudEvent in binary mode are read.
        event_type_map: other names of event types -> `view`, `cart`, `purchase` or `erase`.

    Returns:
        The event, trusted from here on.

    Raises:
        InvalidEvent: whatever else the bytes are; nothing but this is raised.
    """
    if not value:
        raise InvalidEvent("$", "the message has no value; an event is a JSON object")
    envelope, body = open_envelope(value, headers) if headers or b"specversion" in value else (_BARE, value)
    try:
        wire = _DECODER.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _invalid(error) from error
    return _checked(wire, envelope, event_type_map)


def _checked(
    wire: ItemEventV1, envelope: Envelope, event_type_map: Mapping[str, str]
) -> ItemEvent | EraseSession:
    event_type = _event_type(wire.event_type or envelope.event_type, event_type_map)
    session_id = SessionId(_checked_id(wire.session_id, "session_id"))
    occurred_at_ms = _time_ms(wire.occurred_at if wire.occurred_at is not None else envelope.occurred_at)
    user_id = None if wire.user_id is None else UserId(_checked_id(wire.user_id, "user_id"))
    if event_type == ERASE:
        return EraseSession(
            session_id=session_id,
            occurred_at_ms=occurred_at_ms,
            user_id=user_id,
            whole_user=wire.whole_user and user_id is not None,
        )
    if wire.item_id is None:
        raise InvalidEvent("$.item_id", "the field is missing")
    event_id = wire.event_id if wire.event_id is not None else envelope.event_id
    return ItemEvent(
        session_id=session_id,
        item_id=ItemId(_checked_id(wire.item_id, "item_id")),
        event_type=event_type,  # type: ignore[arg-type]  # _event_type returns one of EVENT_TYPES here
        occurred_at_ms=occurred_at_ms,
        event_id=None if event_id is None else EventId(_checked_id(event_id, "event_id")),
        user_id=user_id,
        price=wire.price,
        quantity=wire.quantity,
        context=wire.context,
        consent=wire.consent,
        recommendation_id=None
        if wire.recommendation_id is None
        else RecommendationId(wire.recommendation_id),
        position=wire.position,
    )


def _checked_id(raw: str | int, field: str) -> str:
    text = raw if isinstance(raw, str) else str(raw)
    if not text or len(text) > MAX_ID_BYTES or (not text.isascii() and len(text.encode()) > MAX_ID_BYTES):
        raise InvalidEvent(
            f"$.{field}", f"an id has 1 to {MAX_ID_BYTES} bytes, this one has {len(text.encode())}"
        )
    return text


def _event_type(name: str | None, event_type_map: Mapping[str, str]) -> str:
    if name in EVENT_TYPES or name == ERASE:
        return name
    if name is None:
        raise InvalidEvent("$.event_type", "the field is missing")
    mapped = event_type_map.get(name)
    if mapped is None:
        raise InvalidEvent(
            "$.event_type",
            f"unknown event type {{}}; known are {', '.join(EVENT_TYPES)}, {ERASE} "
            "and the names in MILLRACE_EVENT_TYPE_MAP",
            name[:64],
        )
    return mapped


def _time_ms(moment: datetime | int | None) -> int:
    if moment is None:
        raise InvalidEvent("$.occurred_at", "the field is missing")
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise InvalidEvent(
                "$.occurred_at", f"{moment.isoformat()} has no zone; RFC 3339 wants Z or an offset"
            )
        moment = to_epoch_ms(moment)
    if not 0 <= moment <= MAX_TIME_MS:
        raise InvalidEvent("$.occurred_at", "{} is not between 1970 and 9999 in epoch milliseconds", moment)
    return moment


def _invalid(error: Exception) -> InvalidEvent:
    reason, _, path = str(error).partition(" - at `")
    return InvalidEvent(path.rstrip("`") or "$", reason)
