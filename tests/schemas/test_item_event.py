"""Decoding of plain ItemEvents: what is an event, what is not, and where an invalid one is wrong."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

from schemas.errors import InvalidEvent
from schemas.ids import MAX_ID_BYTES, SessionId, UserId
from schemas.item_event import (
    DEFAULT_EVENT_TYPE_MAP,
    EraseSession,
    ItemEvent,
    decode_event,
    encode_erase_session,
)
from schemas.timestamps import MAX_TIME_MS

MINIMAL = {"session_id": "s", "item_id": "a", "event_type": "view", "occurred_at": 1_767_225_600_000}


def an_event(**fields: Any) -> bytes:
    return msgspec.json.encode({**MINIMAL, **fields})


def without(field: str) -> bytes:
    return msgspec.json.encode({name: value for name, value in MINIMAL.items() if name != field})


def decoded(value: bytes) -> ItemEvent:
    event = decode_event(value)
    assert isinstance(event, ItemEvent)
    return event


def test_minimal_event_has_defaults() -> None:
    assert decoded(an_event()) == ItemEvent(
        session_id=SessionId("s"),
        item_id="a",  # type: ignore[arg-type]  # as it came
        event_type="view",
        occurred_at_ms=1_767_225_600_000,
        consent=True,
    )


def test_integer_ids_become_decimal_strings() -> None:
    event = decoded(an_event(session_id=7, item_id=-1, event_id=10**20, user_id=0))
    assert (event.session_id, event.item_id) == ("7", "-1")
    assert (event.event_id, event.user_id) == ("100000000000000000000", "0")


@pytest.mark.parametrize(
    ("written", "time_ms"),
    [
        (0, 0),
        (MAX_TIME_MS, MAX_TIME_MS),
        ("1970-01-01T00:00:00Z", 0),
        ("2026-01-01T00:00:00Z", 1_767_225_600_000),
        ("2026-01-01T01:00:00.123+01:00", 1_767_225_600_123),
        ("2025-12-31T19:00:00.123999-05:00", 1_767_225_600_123),
        ("9999-12-31T23:59:59.999Z", MAX_TIME_MS),
    ],
)
def test_times_in_any_form_are_epoch_milliseconds(written: str | int, time_ms: int) -> None:
    assert decoded(an_event(occurred_at=written)).occurred_at_ms == time_ms


@pytest.mark.parametrize(
    "written",
    [
        -1,
        MAX_TIME_MS + 1,
        1.5,
        True,
        "1767225600000",
        "yesterday",
        "2026-01-01T00:00:00",
        "0001-01-01T00:00:00+23:59",
    ],
)
def test_other_times_are_invalid(written: Any) -> None:
    with pytest.raises(InvalidEvent) as invalid:
        decode_event(an_event(occurred_at=written))
    assert invalid.value.path == "$.occurred_at"


@pytest.mark.parametrize("field", ["session_id", "item_id", "event_id", "user_id"])
@pytest.mark.parametrize(
    "wrong", ["", "x" * (MAX_ID_BYTES + 1), "ä" * (MAX_ID_BYTES // 2 + 1), 10**256, 1.0, [], True]
)
def test_id_of_wrong_size_or_type_is_named(field: str, wrong: Any) -> None:
    with pytest.raises(InvalidEvent) as invalid:
        decode_event(an_event(**{field: wrong}))
    assert invalid.value.path == f"$.{field}"


@pytest.mark.parametrize("field", ["session_id", "item_id"])
@pytest.mark.parametrize("longest", ["x" * MAX_ID_BYTES, "ä" * (MAX_ID_BYTES // 2)])
def test_id_of_the_greatest_size_is_valid(field: str, longest: str) -> None:
    assert getattr(decoded(an_event(**{field: longest})), field) == longest


@pytest.mark.parametrize("field", ["item_id", "event_type", "occurred_at"])
def test_missing_field_is_named(field: str) -> None:
    with pytest.raises(InvalidEvent) as invalid:
        decode_event(without(field))
    assert str(invalid.value) == f"the field is missing - at `$.{field}`"


def test_missing_session_is_named() -> None:
    with pytest.raises(InvalidEvent, match="`session_id`"):
        decode_event(without("session_id"))


@pytest.mark.parametrize(("name", "event_type"), [*DEFAULT_EVENT_TYPE_MAP.items(), ("purchase", "purchase")])
def test_other_names_of_event_types_are_known(name: str, event_type: str) -> None:
    assert decoded(an_event(event_type=name)).event_type == event_type


def test_configured_names_replace_the_default_ones() -> None:
    event = decode_event(an_event(event_type="like"), event_type_map={"like": "cart"})
    assert isinstance(event, ItemEvent)
    assert event.event_type == "cart"
    with pytest.raises(
        InvalidEvent, match="unknown event type 'click'; known are view, cart, purchase, erase"
    ):
        decode_event(an_event(event_type="click"), event_type_map={"like": "cart"})


def test_erase_needs_no_item() -> None:
    value = msgspec.json.encode(
        {"session_id": "s", "event_type": "erase", "occurred_at": "2026-01-01T00:00:00Z"}
    )
    assert decode_event(value) == EraseSession(session_id=SessionId("s"), occurred_at_ms=1_767_225_600_000)


def test_erase_names_its_user_or_none() -> None:
    erase = EraseSession(session_id=SessionId("s"), occurred_at_ms=1_767_225_600_000)
    assert encode_erase_session(erase) == (
        b'{"session_id":"s","event_type":"erase","occurred_at":"2026-01-01T00:00:00Z"}'
    )
    named = msgspec.structs.replace(erase, user_id=UserId("7"))
    assert decode_event(encode_erase_session(named)) == named
    of_all = msgspec.structs.replace(named, whole_user=True)
    assert decode_event(encode_erase_session(of_all)) == of_all


def test_erase_of_a_whole_user_that_names_none_is_of_the_session_alone() -> None:
    wire = {"session_id": "s", "event_type": "erase", "occurred_at": 0, "whole_user": True}
    assert decode_event(msgspec.json.encode(wire)) == EraseSession(
        session_id=SessionId("s"), occurred_at_ms=0
    )
    with pytest.raises(InvalidEvent, match="1 to 256 bytes") as refused:
        decode_event(an_event(event_type="erase", user_id=""))
    assert refused.value.path == "$.user_id"


def test_erase_can_have_another_name() -> None:
    assert isinstance(
        decode_event(an_event(event_type="forget"), event_type_map={"forget": "erase"}), EraseSession
    )


@pytest.mark.parametrize("value", [None, b""])
def test_message_without_a_value_is_invalid(value: bytes | None) -> None:
    with pytest.raises(InvalidEvent, match="no value"):
        decode_event(value)


@pytest.mark.parametrize(
    ("value", "path"),
    [
        (b"\xff\xfe", "$"),
        (b"[]", "$"),
        (b"{", "$"),
        (b'{"session_id":"\xff"}', "$"),
        (an_event(price="9"), "$.price"),
        (an_event(consent="no"), "$.consent"),
        (an_event(context=[1]), "$.context"),
        (an_event(position="1"), "$.position"),
        (an_event(recommendation_id=1), "$.recommendation_id"),
        (b'{"session_id":"s","price":NaN}', "$"),
        (b'{"session_id":"s","price":1e999}', "$.price"),
        (b'{"session_id":"\\ud800"}', "$"),
        (b'{"context":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}", "$"),
    ],
)
def test_what_is_no_event_is_invalid_with_its_path(value: bytes, path: str) -> None:
    with pytest.raises(InvalidEvent) as invalid:
        decode_event(value)
    assert invalid.value.path == path


def test_optional_fields_are_kept() -> None:
    event = decoded(
        an_event(
            event_id="e",
            user_id="u",
            price=1,
            quantity=2.5,
            context={"device": "phone", "nested": [None, {"a": 1}]},
            consent=False,
            recommendation_id="events-0-1",
            position=3,
            unknown={"ignored": True},
        )
    )
    assert (event.event_id, event.user_id, event.price, event.quantity) == ("e", "u", 1.0, 2.5)
    assert event.context == {"device": "phone", "nested": [None, {"a": 1}]}
    assert (event.consent, event.recommendation_id, event.position) == (False, "events-0-1", 3)


def test_time_is_utc() -> None:
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    assert decoded(an_event(occurred_at=moment.isoformat())).occurred_at_ms == int(moment.timestamp() * 1000)
