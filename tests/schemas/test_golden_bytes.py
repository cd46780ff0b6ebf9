"""The bytes of every schema version, as they were first written."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import pytest

from schemas.item_event import decode_event, encode_erase_session
from schemas.item_metadata import decode_item_metadata, encode_item_metadata
from schemas.recommendation_list import decode_recommendation_list, encode_recommendation_list
from schemas.release_announcement import decode_release_announcement, encode_release_announcement
from schemas.release_manifest import decode_release_manifest, encode_release_manifest
from schemas.release_probe import decode_release_probes, encode_release_probes
from schemas.retrain_request import decode_retrain_request, encode_retrain_request
from schemas.session_state import decode_session_state, encode_session_state
from schemas.side_index_announcement import decode_side_index_announcement, encode_side_index_announcement
from schemas.side_index_manifest import decode_side_index_manifest, encode_side_index_manifest
from tests.schemas import golden_values as values

GOLDEN = Path(__file__).parent / "golden"


class Schema(NamedTuple):
    """How one schema version is written and read."""

    file: str
    value: Any
    encode: Callable[[Any], bytes]
    decode: Callable[[bytes], Any]


SCHEMAS = [
    Schema(
        "recommendation-list.v1.json",
        values.RECOMMENDATION_LIST_V1,
        encode_recommendation_list,
        decode_recommendation_list,
    ),
    Schema("erase-session.v1.json", values.ERASE_SESSION_V1, encode_erase_session, decode_event),
    Schema("session-state.v1.msgpack", values.SESSION_STATE_V1, encode_session_state, decode_session_state),
    Schema(
        "session-state.v1.last-list.msgpack",
        values.SESSION_STATE_V1_WITH_LAST_LIST,
        encode_session_state,
        decode_session_state,
    ),
    Schema("item-metadata.v1.json", values.ITEM_METADATA_V1, encode_item_metadata, decode_item_metadata),
    Schema(
        "release-announcement.v1.json",
        values.RELEASE_ANNOUNCEMENT_V1,
        encode_release_announcement,
        decode_release_announcement,
    ),
    Schema(
        "release-announcement.v1.forced.json",
        values.FORCED_ANNOUNCEMENT_V1,
        encode_release_announcement,
        decode_release_announcement,
    ),
    Schema(
        "release-manifest.v1.gate.json",
        values.JUDGED_MANIFEST_V1,
        encode_release_manifest,
        decode_release_manifest,
    ),
    Schema(
        "release-manifest.v1.refit.json",
        values.REFIT_MANIFEST_V1,
        encode_release_manifest,
        decode_release_manifest,
    ),
    Schema(
        "release-manifest.v1.json",
        values.RELEASE_MANIFEST_V1,
        encode_release_manifest,
        decode_release_manifest,
    ),
    Schema(
        "release-probes.v1.msgpack", values.RELEASE_PROBES_V1, encode_release_probes, decode_release_probes
    ),
    Schema(
        "retrain-request.v1.json",
        values.RETRAIN_REQUEST_V1,
        encode_retrain_request,
        decode_retrain_request,
    ),
    Schema(
        "side-index-manifest.v1.json",
        values.SIDE_INDEX_MANIFEST_V1,
        encode_side_index_manifest,
        lambda value: decode_side_index_manifest(value, "here"),
    ),
    Schema(
        "side-index-announcement.v1.json",
        values.SIDE_INDEX_ANNOUNCEMENT_V1,
        encode_side_index_announcement,
        decode_side_index_announcement,
    ),
]


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.file)
def test_value_is_written_as_its_golden_bytes(schema: Schema) -> None:
    assert schema.encode(schema.value) == (GOLDEN / schema.file).read_bytes()


@pytest.mark.parametrize("schema", SCHEMAS, ids=lambda schema: schema.file)
def test_golden_bytes_are_read_as_the_value(schema: Schema) -> None:
    assert schema.decode((GOLDEN / schema.file).read_bytes()) == schema.value


@pytest.mark.parametrize("file", ["item-event.v1.json", "item-event.v1.cloud-event.json"])
def test_golden_event_is_read_as_the_value(file: str) -> None:
    assert decode_event((GOLDEN / file).read_bytes()) == values.ITEM_EVENT_V1


def test_golden_event_in_binary_mode_is_read_as_the_value() -> None:
    headers = msgspec.json.decode(
        (GOLDEN / "item-event.v1.binary-headers.json").read_bytes(), type=dict[str, str]
    )
    body = (GOLDEN / "item-event.v1.binary-body.json").read_bytes()
    assert (
        decode_event(body, [(name, text.encode()) for name, text in headers.items()]) == values.ITEM_EVENT_V1
    )


def test_every_golden_file_has_a_test() -> None:
    tested = {schema.file for schema in SCHEMAS}
    events = {
        "item-event.v1.json",
        "item-event.v1.cloud-event.json",
        "item-event.v1.binary-headers.json",
        "item-event.v1.binary-body.json",
    }
    assert {path.name for path in GOLDEN.iterdir()} == tested | events
