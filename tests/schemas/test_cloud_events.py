"""CloudEvents 1.0 around ItemEvents, structured and binary."""

import base64
from typing import Any

import msgspec
import pytest

from schemas.cloud_events import Headers
from schemas.errors import InvalidEvent
from schemas.item_event import ItemEvent, decode_event

DATA = {"session_id": "s", "item_id": "a"}
ENVELOPE = {
    "specversion": "1.0",
    "id": "e-1",
    "source": "/shop",
    "type": "com.example.shop.purchase",
    "time": "2026-01-01T00:00:00Z",
}
TIME_MS = 1_767_225_600_000


def structured(data: dict[str, Any] | None = None, **attributes: Any) -> bytes:
    return msgspec.json.encode({**ENVELOPE, "data": DATA if data is None else data, **attributes})


def binary_headers(**attributes: str | None) -> Headers:
    merged: dict[str, str | None] = {**ENVELOPE, **attributes}
    return [(f"ce_{name}", None if text is None else text.encode()) for name, text in merged.items()]


def decoded(value: bytes, headers: Headers = ()) -> ItemEvent:
    event = decode_event(value, headers)
    assert isinstance(event, ItemEvent)
    return event


def seen(event: ItemEvent) -> tuple[str, str, str | None, int]:
    return event.session_id, event.event_type, event.event_id, event.occurred_at_ms


def test_attributes_stand_in_for_what_the_data_lacks() -> None:
    assert seen(decoded(structured())) == ("s", "purchase", "e-1", TIME_MS)
    assert seen(decoded(msgspec.json.encode(DATA), binary_headers())) == ("s", "purchase", "e-1", TIME_MS)


def test_data_goes_before_attributes() -> None:
    data = {**DATA, "event_type": "view", "event_id": "own", "occurred_at": 5}
    assert seen(decoded(structured(data))) == ("s", "view", "own", 5)
    assert seen(decoded(msgspec.json.encode(data), binary_headers())) == ("s", "view", "own", 5)


def test_type_without_a_domain_is_an_event_type() -> None:
    assert decoded(structured(type="view")).event_type == "view"


def test_data_in_base64_is_read() -> None:
    value = {**ENVELOPE, "data_base64": base64.b64encode(msgspec.json.encode(DATA)).decode()}
    assert decoded(msgspec.json.encode(value)).item_id == "a"


def test_structured_mode_is_known_by_its_content_type() -> None:
    headers = [("Content-Type", b"application/cloudevents+json; charset=UTF-8")]
    assert decoded(structured(), headers).item_id == "a"
    with pytest.raises(InvalidEvent, match="CloudEvent: Object missing required field `specversion`"):
        decode_event(msgspec.json.encode({**DATA, "event_type": "view", "occurred_at": 5}), headers)


def test_other_headers_make_no_cloud_event() -> None:
    value = msgspec.json.encode({**DATA, "event_type": "view", "occurred_at": 5})
    headers = [
        ("content-type", b"application/json"),
        ("traceparent", b"00-00"),
        ("ce_id", b"x"),
        ("content-type", None),
    ]
    assert seen(decoded(value, headers)) == ("s", "view", None, 5)


def test_word_specversion_inside_an_event_makes_no_cloud_event() -> None:
    value = msgspec.json.encode(
        {**DATA, "event_type": "view", "occurred_at": 5, "context": {"specversion": "9"}}
    )
    assert seen(decoded(value)) == ("s", "view", None, 5)
    with pytest.raises(InvalidEvent):
        decode_event(b'specversion {"a": 1}')


def test_header_without_a_value_counts_as_absent() -> None:
    data = {**DATA, "event_id": "own"}
    assert decoded(msgspec.json.encode(data), binary_headers(id=None)).event_id == "own"


def test_missing_attributes_leave_the_fields_missing() -> None:
    headers = [("ce_specversion", b"1.0")]
    with pytest.raises(InvalidEvent, match=r"the field is missing - at `\$.event_type`"):
        decode_event(msgspec.json.encode(DATA), headers)


@pytest.mark.parametrize("version", ["0.3", "2.0", ""])
def test_other_versions_are_invalid(version: str) -> None:
    for value, headers in (
        (structured(specversion=version), ()),
        (b"{}", binary_headers(specversion=version)),
    ):
        with pytest.raises(InvalidEvent) as invalid:
            decode_event(value, headers)
        assert invalid.value.path == "$.specversion"


@pytest.mark.parametrize("time", ["5", "yesterday", "2026-01-01T00:00:00"])
def test_time_that_is_not_rfc_3339_with_a_zone_is_invalid(time: str) -> None:
    with pytest.raises(InvalidEvent):
        decode_event(structured(time=time))
    with pytest.raises(InvalidEvent):
        decode_event(msgspec.json.encode(DATA), binary_headers(time=time))


def test_header_that_is_not_utf_8_is_invalid() -> None:
    with pytest.raises(InvalidEvent, match="CloudEvent header"):
        decode_event(msgspec.json.encode(DATA), [("ce_specversion", b"1.0"), ("ce_id", b"\xff")])


def test_cloud_event_without_data_is_invalid() -> None:
    with pytest.raises(InvalidEvent) as invalid:
        decode_event(msgspec.json.encode(ENVELOPE))
    assert invalid.value.path == "$.data"


def test_path_of_an_invalid_attribute_is_given() -> None:
    with pytest.raises(InvalidEvent) as invalid:
        decode_event(structured(id=5))
    assert invalid.value.path == "$.id"
