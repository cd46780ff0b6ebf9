"""Bytes of other versions and of nothing known are refused, not misread."""

from datetime import UTC, datetime

import msgspec
import pytest
from msgspec.structs import replace

from schemas.errors import InvalidEvent, InvalidRelease
from schemas.item_metadata import decode_item_metadata
from schemas.recommendation_list import Source, cut_recommendation_list, encode_recommendation_list
from schemas.release_announcement import decode_release_announcement
from schemas.release_manifest import decode_release_manifest, encode_release_manifest
from schemas.session_state import decode_session_state, encode_session_state, hash_event_id
from schemas.side_index_manifest import decode_side_index_manifest, encode_side_index_manifest
from schemas.timestamps import MAX_TIME_MS, from_epoch_ms, to_epoch_ms
from tests.schemas.golden_values import (
    RECOMMENDATION_LIST_V1,
    RELEASE_MANIFEST_V1,
    SESSION_STATE_V1,
    SIDE_INDEX_MANIFEST_V1,
)


def test_session_state_of_another_version_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="version 2; this worker reads version 1"):
        decode_session_state(encode_session_state(replace(SESSION_STATE_V1, version=2)))


def test_manifest_of_another_version_is_refused() -> None:
    with pytest.raises(msgspec.ValidationError, match="version 2; version 1 is known"):
        decode_release_manifest(encode_release_manifest(replace(RELEASE_MANIFEST_V1, schema_version=2)))


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (
            encode_side_index_manifest(replace(SIDE_INDEX_MANIFEST_V1, schema_version=2)),
            "here: manifest of version 2; version 1 is known",
        ),
        (b"{}", "here: Object missing required field `release_id`"),
    ],
)
def test_side_index_manifest_of_another_version_is_refused(value: bytes, said: str) -> None:
    with pytest.raises(InvalidRelease, match=said):
        decode_side_index_manifest(value, "here")


def test_announcement_without_previous_is_read() -> None:
    value = b'{"release_id":"r1","generation":1,"announced_at":"2026-01-01T00:00:00Z","new":1}'
    assert decode_release_announcement(value).previous is None


@pytest.mark.parametrize("item_id", ["", "x" * 257, "ä" * 129])
def test_item_id_of_wrong_size_is_invalid(item_id: str) -> None:
    with pytest.raises(InvalidEvent) as invalid:
        decode_item_metadata(msgspec.json.encode({"item_id": item_id}))
    assert invalid.value.path == "$.item_id"


def test_wrong_item_metadata_has_its_path() -> None:
    with pytest.raises(InvalidEvent) as invalid:
        decode_item_metadata(b'{"item_id":"a","price":"9"}')
    assert invalid.value.path == "$.price"


def test_cut_list_keeps_everything_but_the_items_beyond_k() -> None:
    value = encode_recommendation_list(RECOMMENDATION_LIST_V1)
    later = value.replace(b'{"recommendation_id"', b'{"of_a_later_version":[1],"recommendation_id"')
    assert cut_recommendation_list(later, 2) == later
    assert msgspec.json.decode(cut_recommendation_list(later, 1)) == {
        **msgspec.json.decode(later),
        "items": [{"item_id": "mug/blå", "score": 0.75}],
    }


@pytest.mark.parametrize("value", [b"", b"[]", b"{}", b'{"items":1}'])
def test_what_is_no_list_cannot_be_cut(value: bytes) -> None:
    with pytest.raises(msgspec.DecodeError):
        cut_recommendation_list(value, 1)


def test_recommendation_id_is_the_events_position() -> None:
    assert Source("shop-events", 3, 41).recommendation_id == "shop-events-3-41"


def test_event_hash_is_the_same_in_every_process() -> None:
    assert hash_event_id("e-1").hex() == "317386494bf10d9f"  # type: ignore[arg-type]  # a plain string


def test_epoch_milliseconds_round_down_and_come_back() -> None:
    moment = datetime(2026, 1, 1, 0, 0, 0, 123_999, tzinfo=UTC)
    assert to_epoch_ms(moment) == 1_767_225_600_123
    assert from_epoch_ms(1_767_225_600_123) == moment.replace(microsecond=123_000)
    assert from_epoch_ms(MAX_TIME_MS).year == 9999


@pytest.mark.parametrize(
    "columns", [{"event_types": b""}, {"times_s": b"\0"}, {"event_hashes": b"odd"}, {"encoder_state": b"odd"}]
)
def test_session_state_of_columns_that_do_not_fit_is_refused(columns: dict[str, bytes]) -> None:
    with pytest.raises(msgspec.ValidationError, match="different lengths"):
        decode_session_state(encode_session_state(replace(SESSION_STATE_V1, **columns)))
