"""What the broker says of topics now: their ids and how many partitions they have.

aiokafka's own Metadata request is of a version before topic ids (KIP-516, Kafka 2.8); this is the later one
in its protocol classes, and the older one where the broker does not know it. Callers: `streams.worker`,
`millrace dead-letters`.
"""

import base64
from io import BytesIO
from typing import Any, NamedTuple

from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaError, LeaderNotAvailableError
from aiokafka.protocol.abstract import AbstractType
from aiokafka.protocol.api import Request, RequestStruct, Response
from aiokafka.protocol.metadata import MetadataRequest_v5
from aiokafka.protocol.types import (
    Boolean,
    CompactArray,
    CompactString,
    Int16,
    Int32,
    Schema,
    TaggedFields,
)

from schemas.errors import Unavailable

_ID_BYTES = 16
_NO_ID = bytes(_ID_BYTES)
_KNOWN = (0, LeaderNotAvailableError.errno)


class TopicFacts(NamedTuple):
    """A topic as it is now."""

    topic_id: str
    """As Kafka's tools print it, 22 characters; empty where the broker tells none."""
    partitions: int


class TopicMetadata:
    """Asks any broker for some topics; connects with the first question."""

    def __init__(self, client: AIOKafkaClient, names: list[str]) -> None:
        """Bind the client, which `stop` closes."""
        self._client = client
        self._names = names
        self._connected = False

    async def ask(self) -> dict[str, TopicFacts]:
        """The topics that exist; none is created by asking.

        Raises:
            Unavailable: no broker answers.
        """
        try:
            if not self._connected:
                await self._client.bootstrap()
                self._connected = True
            node = self._client.get_random_node()
            answer = (await self._client.send(node, _MetadataRequest(self._names))).to_object()
        except KafkaError as error:
            raise Unavailable(f"Kafka does not tell about its topics: {error!r}") from error
        return {
            topic["topic"]: TopicFacts(topic.get("topic_id", ""), len(topic["partitions"]))
            for topic in answer["topics"]
            if topic["error_code"] in _KNOWN
        }

    async def stop(self) -> None:
        """Disconnect."""
        await self._client.close()


async def ask_once(client: AIOKafkaClient, names: list[str]) -> dict[str, TopicFacts]:
    """`TopicMetadata.ask` with a client that is closed afterwards."""
    metadata = TopicMetadata(client, names)
    try:
        return await metadata.ask()
    finally:
        await metadata.stop()


class _TopicId(AbstractType[str]):  # type: ignore[misc]
    """16 bytes on the wire; all zero for none."""

    @classmethod
    def encode(cls, value: str) -> bytes:
        return base64.urlsafe_b64decode(f"{value}==") if value else _NO_ID

    @classmethod
    def decode(cls, data: BytesIO) -> str:
        raw = data.read(_ID_BYTES)
        return "" if raw == _NO_ID else base64.urlsafe_b64encode(raw).decode().rstrip("=")


class _MetadataResponseV10(Response):  # type: ignore[misc]
    API_KEY = 3
    API_VERSION = 10
    SCHEMA = Schema(
        ("throttle_time_ms", Int32),
        (
            "brokers",
            CompactArray(
                ("node_id", Int32),
                ("host", CompactString("utf-8")),
                ("port", Int32),
                ("rack", CompactString("utf-8")),
                ("tags", TaggedFields),
            ),
        ),
        ("cluster_id", CompactString("utf-8")),
        ("controller_id", Int32),
        (
            "topics",
            CompactArray(
                ("error_code", Int16),
                ("topic", CompactString("utf-8")),
                ("topic_id", _TopicId),
                ("is_internal", Boolean),
                (
                    "partitions",
                    CompactArray(
                        ("error_code", Int16),
                        ("partition", Int32),
                        ("leader", Int32),
                        ("leader_epoch", Int32),
                        ("replicas", CompactArray(Int32)),
                        ("isr", CompactArray(Int32)),
                        ("offline_replicas", CompactArray(Int32)),
                        ("tags", TaggedFields),
                    ),
                ),
                ("authorized_operations", Int32),
                ("tags", TaggedFields),
            ),
        ),
        ("authorized_operations", Int32),
        ("tags", TaggedFields),
    )


class _MetadataRequestV10(RequestStruct):  # type: ignore[misc]
    FLEXIBLE_VERSION = True
    API_KEY = 3
    API_VERSION = 10
    RESPONSE_TYPE = _MetadataResponseV10
    SCHEMA = Schema(
        (
            "topics",
            CompactArray(("topic_id", _TopicId), ("topic", CompactString("utf-8")), ("tags", TaggedFields)),
        ),
        ("allow_auto_topic_creation", Boolean),
        ("include_cluster_authorized_operations", Boolean),
        ("include_topic_authorized_operations", Boolean),
        ("tags", TaggedFields),
    )


class _MetadataRequest(Request[MetadataRequest_v5 | _MetadataRequestV10]):  # type: ignore[misc]
    API_KEY = 3

    def __init__(self, names: list[str]) -> None:
        self._names = names

    def build(self, request_struct_class: type[Any]) -> Any:
        if request_struct_class is MetadataRequest_v5:
            return MetadataRequest_v5(self._names, False)
        return _MetadataRequestV10([("", name, {}) for name in self._names], False, False, False, {})
