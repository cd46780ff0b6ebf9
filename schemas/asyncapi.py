"""The AsyncAPI 3.0 document: every topic under its configured name, with its messages, keys and headers.

Caller: `millrace schema`. The payloads are those of `schemas.json_schema`.
"""

from importlib.metadata import version
from typing import Any

from schemas import dead_letter
from schemas.json_schema import component_schemas
from schemas.settings import SharedSettings
from schemas.topics import topic_definitions

_SCHEMA = "#/components/schemas/"
_TEXT = {"type": "string"}
_ID_KEY = {"type": "string", "description": "UTF-8, 1 to 256 bytes"}
# What version 0.5.0 of the Kafka binding has room for.
_BINDING_VERSION = "0.5.0"
_BOUND_CONFIG = ("retention.ms", "max.message.bytes")


def asyncapi_document(settings: SharedSettings) -> dict[str, Any]:
    """The document for the topics and brokers of the settings."""
    events = settings.event_topics
    channels = _channels(settings)
    received = [*events, settings.items_topic, settings.retrain_requests_topic]
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Millrace",
            "version": version("millrace"),
            "description": "Item events in, a fresh list of recommended items out for every event.",
            "license": {"name": "Apache-2.0", "url": "https://www.apache.org/licenses/LICENSE-2.0"},
        },
        "defaultContentType": "application/json",
        "servers": _servers(settings),
        "channels": channels,
        "operations": {
            f"{'receive' if name in received else 'send'}-{name}": {
                "action": "receive" if name in received else "send",
                "channel": {"$ref": f"#/channels/{name}"},
                "messages": [
                    {"$ref": f"#/channels/{name}/messages/{message}"} for message in channel["messages"]
                ],
            }
            for name, channel in channels.items()
        },
        "components": {"messages": _messages(), "schemas": component_schemas(_SCHEMA + "{name}")},
    }


def _servers(settings: SharedSettings) -> dict[str, Any]:
    secure = settings.kafka_security_protocol.endswith("SSL")
    hosts = [host.strip() for host in settings.kafka_bootstrap_servers.split(",") if host.strip()]
    return {
        f"kafka-{at}": {"host": host, "protocol": "kafka-secure" if secure else "kafka"}
        for at, host in enumerate(hosts)
    }


def _channels(settings: SharedSettings) -> dict[str, Any]:
    event_messages = ["ItemEvent", "StructuredCloudEvent", "BinaryCloudEvent"]
    messages = {
        **dict.fromkeys(
            settings.event_topics, ("Item events of all types, keyed by session", event_messages)
        ),
        settings.recommendations_topic: ("A list for every event", ["RecommendationList", "ErasedSession"]),
        settings.dead_letter_topic: ("Events that can never be processed", ["DeadLetter"]),
        settings.items_topic: ("The item catalogue", ["ItemMetadata", "DeletedItem"]),
        settings.releases_topic: ("Which release to serve", ["ReleaseAnnouncement"]),
        settings.retrain_requests_topic: ("Where a retrain cycle is asked for", ["RetrainRequest"]),
        settings.side_index_topic: ("Side indexes of new items", ["SideIndexAnnouncement"]),
    }
    definitions = topic_definitions(
        event_topics=settings.event_topics,
        recommendations=settings.recommendations_topic,
        dead_letters=settings.dead_letter_topic,
        items=settings.items_topic,
        releases=settings.releases_topic,
        retrain_requests=settings.retrain_requests_topic,
        side_indexes=settings.side_index_topic,
        partitions=1,  # of no interest here
    )
    return {
        topic.name: {
            "address": topic.name,
            "description": messages[topic.name][0],
            "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in messages[topic.name][1]},
            "bindings": {"kafka": _kafka_binding(topic.name, topic.config)},
        }
        for topic in definitions
    }


def _kafka_binding(topic: str, config: dict[str, str]) -> dict[str, Any]:
    bound: dict[str, Any] = {"cleanup.policy": config["cleanup.policy"].split(",")}
    bound |= {name: int(config[name]) for name in _BOUND_CONFIG if name in config}
    return {"topic": topic, "topicConfiguration": bound, "bindingVersion": _BINDING_VERSION}


def _messages() -> dict[str, Any]:
    deleted = {"type": "null", "description": "no value: a tombstone"}
    reason = {name: dict(_TEXT) for name in (*dead_letter.REASON_HEADERS, dead_letter.HOPS)}
    cloud_event = {f"ce_{name}": dict(_TEXT) for name in ("specversion", "id", "source", "type", "time")}
    return {
        "ItemEvent": _message("session_id", _ref("ItemEventV1"), headers={"traceparent": dict(_TEXT)}),
        "StructuredCloudEvent": _message(
            "session_id",
            _cloud_event_payload(),
            headers={"content-type": {"const": "application/cloudevents+json"}},
            content_type="application/cloudevents+json",
        ),
        "BinaryCloudEvent": _message("session_id", _ref("ItemEventV1"), headers=cloud_event),
        "RecommendationList": _message(
            "session_id", _ref("RecommendationList"), headers={"traceparent": dict(_TEXT)}
        ),
        "ErasedSession": _message("session_id", deleted),
        "DeadLetter": _message(
            "the key of the event",
            {"description": "the bytes of the event as they came"},
            headers=reason,
            content_type="application/octet-stream",
        ),
        "ItemMetadata": _message("item_id", _ref("ItemMetadata")),
        "DeletedItem": _message("item_id", deleted),
        "ReleaseAnnouncement": _message("the release line", _ref("ReleaseAnnouncement")),
        "RetrainRequest": _message("the request's id, or none", _ref("RetrainRequest")),
        "SideIndexAnnouncement": _message("release_id", _ref("SideIndexAnnouncement")),
    }


def _message(
    key: str,
    payload: dict[str, Any],
    headers: dict[str, Any] | None = None,
    content_type: str = "application/json",
) -> dict[str, Any]:
    message: dict[str, Any] = {
        "contentType": content_type,
        "payload": payload,
        "bindings": {
            "kafka": {"key": {**_ID_KEY, "title": key}, "bindingVersion": _BINDING_VERSION},
        },
    }
    if headers:
        message["headers"] = {"type": "object", "properties": headers}
    return message


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": _SCHEMA + name}


def _cloud_event_payload() -> dict[str, Any]:
    return {
        "allOf": [
            _ref("StructuredCloudEvent"),
            {"type": "object", "properties": {"data": _ref("ItemEventV1")}},
        ]
    }
