"""Whatever the bytes are: an event or InvalidEvent, nothing else. And every schema reads what it wrote."""

import contextlib
from datetime import UTC, datetime
from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from schemas.errors import InvalidEvent
from schemas.item_event import EraseSession, ItemEvent, decode_event
from schemas.item_metadata import ItemMetadata, decode_item_metadata, encode_item_metadata
from schemas.recommendation_list import (
    RecommendationList,
    ScoredItem,
    Source,
    decode_recommendation_list,
    encode_recommendation_list,
)
from schemas.session_state import SessionState, decode_session_state, encode_session_state

characters = st.sampled_from("abz019 .-_/\\\"'{}[]:,%\x00\n\x7f\u00e4\u4f60\u2028\ufeff\N{PILE OF POO}")
text = st.text(characters, max_size=12)
ids = st.text(characters, min_size=1, max_size=60)
finite = st.floats(allow_nan=False, allow_infinity=False)
moments = st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | finite | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)
headers = st.lists(
    st.tuples(
        st.sampled_from(["ce_specversion", "ce_id", "ce_type", "ce_time", "content-type", "traceparent", ""]),
        st.none()
        | st.binary(max_size=30)
        | st.sampled_from([b"1.0", b"application/cloudevents+json", b"shop.view"]),
    ),
    max_size=6,
)
fields = {
    "session_id": ids | st.integers() | json_values,
    "item_id": ids | st.integers() | json_values,
    "event_type": st.sampled_from(["view", "cart", "purchase", "erase", "click"]) | json_values,
    "occurred_at": st.integers(0, 10**14) | moments.map(datetime.isoformat) | json_values,
}
event_like = st.fixed_dictionaries(
    {},
    optional={
        **fields,
        "event_id": json_values,
        "context": json_values,
        "consent": json_values,
        "position": json_values,
        "specversion": st.just("1.0") | json_values,
        "type": st.just("shop.view") | json_values,
        "id": ids | json_values,
        "source": json_values,
        "data": st.fixed_dictionaries({}, optional=fields) | json_values,
    },
)
valid_events = st.builds(
    ItemEvent,
    session_id=ids,
    item_id=ids,
    event_type=st.sampled_from(["view", "cart", "purchase"]),
    occurred_at_ms=st.integers(0, 10**14),
    event_id=st.none() | ids,
    user_id=st.none() | ids,
    price=st.none() | finite,
    quantity=st.none() | finite,
    context=st.none() | st.dictionaries(text, text, max_size=3),
    consent=st.booleans(),
    recommendation_id=st.none() | ids,
    position=st.none() | st.integers(0, 1000),
)


def as_wire(event: ItemEvent) -> bytes:
    return msgspec.json.encode({"occurred_at": event.occurred_at_ms, **msgspec.structs.asdict(event)})


def check(value: bytes, with_headers: Any = ()) -> None:
    try:
        event: object = decode_event(value, with_headers)
    except InvalidEvent as invalid:
        event = invalid
    match event:
        case InvalidEvent():
            assert event.path.startswith("$")
            assert event.reason
        case _:
            assert isinstance(event, ItemEvent | EraseSession)


@given(st.binary(max_size=200), headers)
def test_any_bytes_are_an_event_or_invalid(value: bytes, with_headers: Any) -> None:
    check(value, with_headers)


@given(event_like, headers)
def test_anything_like_an_event_is_an_event_or_invalid(value: dict[str, Any], with_headers: Any) -> None:
    check(msgspec.json.encode(value), with_headers)


@given(valid_events, st.data())
def test_damaged_event_is_an_event_or_invalid(event: ItemEvent, data: st.DataObject) -> None:
    value = bytearray(as_wire(event))
    start = data.draw(st.integers(0, len(value) - 1))
    value[start : start + data.draw(st.integers(0, 5))] = data.draw(st.binary(max_size=5))
    check(bytes(value))


@given(
    st.integers(1, 6000),
    st.sampled_from(["session_id", "item_id", "occurred_at", "price", "position", "context"]),
)
def test_huge_number_is_an_event_or_invalid(digits: int, field: str) -> None:
    known = '"session_id":1,"item_id":1,"event_type":"view","occurred_at":1'
    check(f'{{{known},"{field}":{"9" * digits}}}'.encode())


@given(valid_events)
def test_valid_event_is_read_as_it_was_written(event: ItemEvent) -> None:
    assert decode_event(as_wire(event)) == event


@given(
    st.builds(
        ItemMetadata, item_id=ids, attributes=st.none() | st.dictionaries(text, json_values, max_size=3)
    )
)
def test_item_metadata_round_trips(item: ItemMetadata) -> None:
    assert decode_item_metadata(encode_item_metadata(item)) == item


@given(st.binary(max_size=100) | json_values.map(msgspec.json.encode))
def test_any_bytes_are_item_metadata_or_invalid(value: bytes) -> None:
    with contextlib.suppress(InvalidEvent):
        decode_item_metadata(value)


@given(
    st.builds(
        RecommendationList,
        recommendation_id=ids,
        source=st.builds(
            Source, topic=ids, partition=st.integers(0, 2**31), offset=st.integers(0, 2**63 - 1)
        ),
        session_id=ids,
        release_id=ids,
        strategy=st.sampled_from(["gru4rec", "als", "popular"]),
        items=st.lists(st.builds(ScoredItem, item_id=ids, score=finite), max_size=3),
        occurred_at=moments,
        produced_at=moments,
        user_id=st.none() | ids,
        repeat_of=st.none() | ids,
        side_index_version=st.none() | st.integers(0, 2**62),
        catalogue_version=st.none() | st.integers(0, 2**62),
    )
)
def test_recommendation_list_round_trips(recommendations: RecommendationList) -> None:
    assert decode_recommendation_list(encode_recommendation_list(recommendations)) == recommendations


@given(
    st.builds(
        SessionState,
        version=st.just(1),
        release_id=ids,
        item_ids=st.tuples(ids, ids, ids),
        event_types=st.binary(min_size=3, max_size=3),
        times_s=st.binary(min_size=12, max_size=12),
        event_hashes=st.binary(max_size=5).map(lambda some: 8 * some),
        encoder_state=st.binary(max_size=20).map(lambda some: 2 * some),
        last_event_at_ms=st.integers(0, 10**14),
        home_partition=st.integers(0, 2**31),
    )
)
def test_session_state_round_trips(state: SessionState) -> None:
    assert decode_session_state(encode_session_state(state)) == state
