"""CloudEvents 1.0 around an ItemEvent: structured mode (one JSON object), binary mode (Kafka headers).

Specification: CloudEvents 1.0.2, JSON event format and Kafka protocol binding. Caller: `schemas.item_event`.
The attributes `id`, `time` and `type` stand in for `event_id`, `occurred_at` and `event_type` where the data
lacks them.
"""

from collections.abc import Sequence
from datetime import datetime

import msgspec

from schemas.errors import InvalidEvent

Headers = Sequence[tuple[str, bytes | None]]
"""Headers of a Kafka message; a header may have no value."""
_HEADER_PREFIX = "ce_"


class Envelope(msgspec.Struct, frozen=True):
    """What a CloudEvent's attributes say of the event in it."""

    event_id: str | None = None
    occurred_at: datetime | None = None
    event_type: str | None = None


class StructuredCloudEvent(msgspec.Struct, frozen=True):
    """The JSON event format: attributes beside the data."""

    specversion: str
    id: str
    type: str
    source: str
    data: msgspec.Raw = msgspec.field(default_factory=msgspec.Raw)
    data_base64: bytes | None = None
    time: datetime | None = None


_STRUCTURED = msgspec.json.Decoder(StructuredCloudEvent)


def open_envelope(value: bytes, headers: Headers) -> tuple[Envelope, bytes]:
    """Split a message into what its CloudEvents envelope says and the ItemEvent's JSON.

    A message without an envelope comes back as it is, with an empty `Envelope`.

    Raises:
        InvalidEvent: an envelope that breaks CloudEvents 1.0.
    """
    attributes = {
        name[len(_HEADER_PREFIX) :]: text
        for name, text in headers
        if text is not None and name.startswith(_HEADER_PREFIX)
    }
    if "specversion" in attributes:
        return _binary(attributes), value
    if _is_structured(value, headers):
        return _structured(value)
    return Envelope(), value


def _is_structured(value: bytes, headers: Headers) -> bool:
    if any(
        text is not None and name.lower() == "content-type" and text.startswith(b"application/cloudevents")
        for name, text in headers
    ):
        return True
    try:
        return "specversion" in msgspec.json.decode(value, type=dict[str, msgspec.Raw])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False


def _structured(value: bytes) -> tuple[Envelope, bytes]:
    try:
        event = _STRUCTURED.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        reason, _, path = str(error).partition(" - at `")
        raise InvalidEvent(path.rstrip("`") or "$", f"CloudEvent: {reason}") from error
    _check_version(event.specversion)
    body = bytes(event.data) if event.data_base64 is None else event.data_base64
    if not body:
        raise InvalidEvent("$.data", "CloudEvent: neither data nor data_base64 has the event")
    return Envelope(event.id, event.time, _last_segment(event.type)), body


def _binary(attributes: dict[str, bytes]) -> Envelope:
    try:
        text = {name: raw.decode() for name, raw in attributes.items()}
        time = msgspec.convert(text["time"], datetime) if "time" in text else None
    except (UnicodeDecodeError, msgspec.ValidationError) as error:
        raise InvalidEvent("$", f"CloudEvent header: {error}") from error
    _check_version(text["specversion"])
    return Envelope(text.get("id"), time, _last_segment(text["type"]) if "type" in text else None)


def _check_version(version: str) -> None:
    if version != "1.0":
        raise InvalidEvent("$.specversion", "CloudEvents {} is not known; 1.0 is", version[:16])


def _last_segment(event_type: str) -> str:
    """`com.example.shop.purchase` -> `purchase`: CloudEvents types carry the owner's reversed domain."""
    return event_type.rpartition(".")[2]
