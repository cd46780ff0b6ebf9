"""JSON Schema (2020-12) of every schema, generated from the types.

Callers: `millrace schema`, `schemas.asyncapi`. What the types cannot say (ids of 1 to 256 bytes, what an
event must have) is added here, and held against the decoder by the tests.
"""

from typing import Any

import msgspec

from schemas.cloud_events import StructuredCloudEvent
from schemas.dead_letter import DeadLetterReason
from schemas.ids import MAX_ID_BYTES
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP, ERASE, EVENT_TYPES, ItemEventV1
from schemas.item_metadata import ItemMetadata
from schemas.lookup_responses import PopularItems, Problem, SessionRecommendations, SimilarItems
from schemas.recommendation_list import RecommendationList
from schemas.release_announcement import ReleaseAnnouncement
from schemas.release_manifest import ReleaseManifest
from schemas.retrain_request import RetrainRequest
from schemas.session_state import SessionState
from schemas.side_index_announcement import SideIndexAnnouncement
from schemas.side_index_manifest import SideIndexManifest
from schemas.timestamps import MAX_TIME_MS

DIALECT = "https://json-schema.org/draft/2020-12/schema"

SCHEMAS: dict[str, type] = {
    "item-event.v1": ItemEventV1,
    "recommendation-list.v1": RecommendationList,
    "session-state.v1": SessionState,
    "item-metadata.v1": ItemMetadata,
    "release-announcement.v1": ReleaseAnnouncement,
    "release-manifest.v1": ReleaseManifest,
    "retrain-request.v1": RetrainRequest,
    "side-index-announcement.v1": SideIndexAnnouncement,
    "side-index-manifest.v1": SideIndexManifest,
    "dead-letter-reason.v1": DeadLetterReason,
    "session-recommendations.v1": SessionRecommendations,
    "similar-items.v1": SimilarItems,
    "popular-items.v1": PopularItems,
    "problem.v1": Problem,
}
"""Name and version -> type. Session states are MessagePack; their schema shows the same values as JSON."""

_ID = {
    "anyOf": [{"type": "string", "minLength": 1, "maxLength": MAX_ID_BYTES}, {"type": "integer"}],
    "description": f"1 to {MAX_ID_BYTES} bytes of UTF-8; an integer stands for its decimal digits",
}


def json_schemas() -> dict[str, dict[str, Any]]:
    """A self-contained JSON Schema document for each entry of `SCHEMAS`."""
    documents = {}
    for name, type_ in SCHEMAS.items():
        (body,), components = msgspec.json.schema_components([type_], ref_template="#/$defs/{name}")
        with_event_rules(components)
        documents[name] = {
            "$schema": DIALECT,
            "$id": f"urn:millrace:schema:{name}",
            **body,
            "$defs": components,
        }
    return documents


def as_json(document: dict[str, Any]) -> str:
    """A document as indented JSON."""
    return msgspec.json.format(msgspec.json.encode(document), indent=2).decode()


def component_schemas(ref_template: str) -> dict[str, Any]:
    """The schemas of all that goes over topics, by class name, for documents that hold several."""
    types = [
        ItemEventV1,
        StructuredCloudEvent,
        RecommendationList,
        ItemMetadata,
        ReleaseAnnouncement,
        RetrainRequest,
        SideIndexAnnouncement,
    ]
    _, components = msgspec.json.schema_components(types, ref_template=ref_template)
    with_event_rules(components)
    return components


def with_event_rules(components: dict[str, Any]) -> None:
    """Say of an ItemEvent what its decoder demands beside the types."""
    if ItemEventV1.__name__ not in components:
        return
    event = components[ItemEventV1.__name__]
    fields = event["properties"]
    for name in ("session_id", "item_id"):
        fields[name] = dict(_ID)
    for name in ("event_id", "user_id"):
        fields[name] = {**_ID, "anyOf": [*_ID["anyOf"], {"type": "null"}]}
    fields["event_type"] = {
        "type": "string",
        "examples": [*EVENT_TYPES, ERASE],
        "description": (
            f"{', '.join(EVENT_TYPES)}, {ERASE}, or a name in MILLRACE_EVENT_TYPE_MAP; "
            f"by default {', '.join(DEFAULT_EVENT_TYPE_MAP)}"
        ),
    }
    fields["occurred_at"] = {
        "anyOf": [
            {"type": "string", "format": "date-time"},
            {"type": "integer", "minimum": 0, "maximum": MAX_TIME_MS},
        ],
        "description": "RFC 3339 with a zone, or epoch milliseconds",
    }
    event["title"] = "ItemEvent"
    event["required"] = ["session_id", "event_type", "occurred_at"]
    event["if"] = {"properties": {"event_type": {"const": ERASE}}}
    event["else"] = {"required": ["item_id"]}
