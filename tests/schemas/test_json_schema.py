"""JSON Schema: valid itself, and of one mind with the decoders."""

from typing import Any

import msgspec
import pytest
from jsonschema import Draft202012Validator

from schemas.errors import InvalidEvent
from schemas.item_event import decode_event
from schemas.item_metadata import encode_item_metadata
from schemas.json_schema import SCHEMAS, as_json, json_schemas
from schemas.recommendation_list import encode_recommendation_list
from schemas.release_announcement import encode_release_announcement
from schemas.release_manifest import encode_release_manifest
from tests.schemas import golden_values as values

MINIMAL = {"session_id": "s", "item_id": "a", "event_type": "view", "occurred_at": 1}


def validator(name: str) -> Draft202012Validator:
    return Draft202012Validator(json_schemas()[name])


@pytest.mark.parametrize("name", SCHEMAS)
def test_schema_is_valid_and_says_what_it_is(name: str) -> None:
    schema = json_schemas()[name]
    Draft202012Validator.check_schema(schema)
    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["$id"] == f"urn:millrace:schema:{name}"
    assert msgspec.json.decode(as_json(schema)).keys() == schema.keys()


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("recommendation-list.v1", encode_recommendation_list(values.RECOMMENDATION_LIST_V1)),
        ("item-metadata.v1", encode_item_metadata(values.ITEM_METADATA_V1)),
        ("release-announcement.v1", encode_release_announcement(values.RELEASE_ANNOUNCEMENT_V1)),
        ("release-announcement.v1", encode_release_announcement(values.FORCED_ANNOUNCEMENT_V1)),
        ("release-manifest.v1", encode_release_manifest(values.RELEASE_MANIFEST_V1)),
        ("release-manifest.v1", encode_release_manifest(values.JUDGED_MANIFEST_V1)),
        ("session-state.v1", msgspec.json.encode(values.SESSION_STATE_V1)),
    ],
)
def test_what_is_written_fits_its_schema(name: str, written: bytes) -> None:
    validator(name).validate(msgspec.json.decode(written))


@pytest.mark.parametrize(
    ("event", "valid"),
    [
        (MINIMAL, True),
        ({**MINIMAL, "session_id": 7, "occurred_at": "2026-01-01T00:00:00Z", "unknown": 1}, True),
        ({**MINIMAL, "event_id": None, "price": 1.5, "context": {"a": [1]}, "consent": False}, True),
        ({"session_id": "s", "event_type": "erase", "occurred_at": 1}, True),
        ({**MINIMAL, "event_type": "click"}, True),
        ({name: MINIMAL[name] for name in MINIMAL if name != "item_id"}, False),
        ({name: MINIMAL[name] for name in MINIMAL if name != "event_type"}, False),
        ({name: MINIMAL[name] for name in MINIMAL if name != "occurred_at"}, False),
        ({name: MINIMAL[name] for name in MINIMAL if name != "session_id"}, False),
        ({**MINIMAL, "session_id": ""}, False),
        ({**MINIMAL, "item_id": "x" * 257}, False),
        ({**MINIMAL, "occurred_at": -1}, False),
        ({**MINIMAL, "consent": "no"}, False),
        ({**MINIMAL, "context": []}, False),
        ([], False),
    ],
)
def test_event_schema_and_decoder_agree(event: Any, valid: bool) -> None:
    assert validator("item-event.v1").is_valid(event) is valid
    if valid:
        decode_event(msgspec.json.encode(event))
    else:
        with pytest.raises(InvalidEvent):
            decode_event(msgspec.json.encode(event))
