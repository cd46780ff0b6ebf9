"""Whether Kafka lets a worker read its topics and join its groups, asked before it starts.

Later refusals reach Faust's consumer too, which ends without a line that a user can read. Writing is not
asked: the first list tells. Caller: `streams.starting_checks`.
"""

import asyncio
from contextlib import suppress

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import GroupAuthorizationFailedError, KafkaError, TopicAuthorizationFailedError

from schemas.connections import kafka_arguments
from schemas.errors import UsageError
from schemas.kafka_refusals import lacks_permission
from streams.faust_app import catalogue_group
from streams.settings import WorkerSettings

_OPEN = "PLAINTEXT"
_REQUEST_TIMEOUT_MS = 10_000
_FETCH_MS = 500


async def check_permissions(settings: WorkerSettings) -> None:
    """Try what needs a permission, where Kafka knows its users.

    Raises:
        UsageError: Kafka refuses; the message names the topic or the group.
    """
    if settings.kafka_security_protocol == _OPEN:
        return
    topics = [*settings.event_topics, settings.items_topic, settings.releases_topic]
    with suppress(KafkaError):  # a new cluster's coordinator takes a while; who joins waits for it
        for group in (settings.consumer_group, catalogue_group(settings)):
            await _ask_for_group(settings, group)
        await asyncio.gather(*(_fetch(settings, topic) for topic in topics))


async def _ask_for_group(settings: WorkerSettings, group: str) -> None:
    admin = AIOKafkaAdminClient(**kafka_arguments(settings), request_timeout_ms=_REQUEST_TIMEOUT_MS)
    try:
        await admin.start()
        await admin.list_consumer_group_offsets(group)
    except GroupAuthorizationFailedError as error:
        raise UsageError(lacks_permission("READ", "group", group)) from error
    finally:
        await admin.close()


async def _fetch(settings: WorkerSettings, topic: str) -> None:
    consumer = AIOKafkaConsumer(
        **kafka_arguments(settings),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        request_timeout_ms=_REQUEST_TIMEOUT_MS,
    )
    consumer.assign([TopicPartition(topic, 0)])
    try:
        await consumer.start()
        with suppress(ValueError):  # a message that cannot be parsed was read all the same
            await consumer.getmany(timeout_ms=_FETCH_MS, max_records=1)
    except TopicAuthorizationFailedError as error:
        raise UsageError(lacks_permission("READ", "topic", topic)) from error
    finally:
        await consumer.stop()
