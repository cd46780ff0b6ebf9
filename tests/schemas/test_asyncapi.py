"""The AsyncAPI document: its structure, and that it names what is configured."""

from collections.abc import Iterator
from typing import Any

import pytest

from schemas.asyncapi import asyncapi_document
from schemas.settings import SharedSettings

SETTINGS = SharedSettings(
    kafka_bootstrap_servers="k1:9092, k2:9092",
    kafka_security_protocol="SSL",
    event_topics=["views", "carts"],
    recommendations_topic="lists",
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return asyncapi_document(SETTINGS)


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for value in part.values():
            yield from references(value)
    elif isinstance(part, list):
        for value in part:
            yield from references(value)


def resolve(document: dict[str, Any], reference: str) -> Any:
    part: Any = document
    for name in reference.removeprefix("#/").split("/"):
        part = part[name]
    return part


def test_required_parts_are_there(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= document["info"].keys()
    assert [server["host"] for server in document["servers"].values()] == ["k1:9092", "k2:9092"]
    assert {server["protocol"] for server in document["servers"].values()} == {"kafka-secure"}
    for operation in document["operations"].values():
        assert operation["action"] in {"send", "receive"}


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    found = list(references(document))
    assert len(found) > 20
    for reference in found:
        assert resolve(document, reference), reference


def test_operations_use_messages_of_their_channel(document: dict[str, Any]) -> None:
    for operation in document["operations"].values():
        channel = operation["channel"]["$ref"]
        for message in operation["messages"]:
            assert message["$ref"].startswith(f"{channel}/messages/")


def test_channels_are_the_configured_topics(document: dict[str, Any]) -> None:
    assert {name: channel["address"] for name, channel in document["channels"].items()} == {
        name: name
        for name in (
            "views",
            "carts",
            "lists",
            "dead-letter",
            "items",
            "releases",
            "retrain-requests",
            "side-indexes",
        )
    }
    assert {name.partition("-")[0] for name in document["operations"]} == {"send", "receive"}
    assert document["operations"]["receive-views"]["action"] == "receive"
    assert document["operations"]["send-lists"]["action"] == "send"


def test_every_message_has_payload_content_type_and_key(document: dict[str, Any]) -> None:
    for message in document["components"]["messages"].values():
        assert message["payload"]
        assert message["contentType"]
        assert message["bindings"]["kafka"]["key"]["type"] == "string"


def test_dead_letter_lists_its_headers(document: dict[str, Any]) -> None:
    headers = document["components"]["messages"]["DeadLetter"]["headers"]["properties"]
    assert {
        "__connect.errors.topic",
        "__connect.errors.exception.message",
        "millrace.dead-letter.hops",
    } <= set(headers)


def test_plain_connection_is_told_apart() -> None:
    servers = asyncapi_document(SharedSettings())["servers"]
    assert servers == {"kafka-0": {"host": "localhost:9092", "protocol": "kafka"}}
