"""Topics: creating them, and checking at a worker's start that they are as the flow needs them.

Callers: `millrace topics create`, `streams.starting_checks`, the demo.
"""

from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import (
    KafkaConnectionError,
    KafkaError,
    TopicAlreadyExistsError,
    for_code,
)

from schemas.connections import kafka_arguments
from schemas.errors import UsageError
from schemas.kafka_refusals import kafka_unreachable
from schemas.settings import SharedSettings
from schemas.topics import TopicDefinition, topic_definitions
from streams.settings import TopicSettings
from streams.topic_watch import topic_problem

_NO_ERROR, _EXISTS = 0, TopicAlreadyExistsError.errno


def defined_topics(settings: SharedSettings, partitions: int) -> list[TopicDefinition]:
    """The topics of these settings."""
    return topic_definitions(
        event_topics=settings.event_topics,
        recommendations=settings.recommendations_topic,
        dead_letters=settings.dead_letter_topic,
        items=settings.items_topic,
        releases=settings.releases_topic,
        retrain_requests=settings.retrain_requests_topic,
        side_indexes=settings.side_index_topic,
        partitions=partitions,
    )


async def create_topics(settings: TopicSettings) -> dict[str, bool]:
    """Create the topics that do not exist yet.

    Returns:
        Each topic's name, and whether it was created now.

    Raises:
        UsageError: Kafka cannot be reached, or refuses.
    """
    definitions = defined_topics(settings, settings.partitions)
    async with _admin(settings) as admin:
        existing = set(await admin.list_topics())
        wanted = [
            NewTopic(one.name, one.partitions, settings.replication_factor, topic_configs=one.config)
            for one in definitions
            if one.name not in existing
        ]
        answers = await _create(admin, wanted) if wanted else []
    created = {one.name: False for one in definitions}
    for name, code, *rest in answers:
        if code not in (_NO_ERROR, _EXISTS):
            reason = " ".join(filter(None, [for_code(code).__name__, *rest]))
            raise UsageError(f"Kafka does not create topic {name}: {reason}")
        created[name] = code == _NO_ERROR
    return created


async def _create(admin: AIOKafkaAdminClient, wanted: list[NewTopic]) -> list[tuple[Any, ...]]:
    """Ask the cluster's controller for topics; the answer has name, code and perhaps a reason of each."""
    cluster = await admin.describe_cluster()
    if cluster["controller_id"] not in [broker["node_id"] for broker in cluster["brokers"]]:
        names = ", ".join(one.name for one in wanted)
        raise UsageError(f"Kafka does not create topic {names}: the cluster has no controller")
    answers: list[tuple[Any, ...]] = (await admin.create_topics(wanted)).topic_errors
    return answers


async def check_topics(settings: SharedSettings) -> None:
    """Check that every topic of a worker exists and that a list can go to the partition number of its event.

    Raises:
        UsageError: Kafka cannot be reached, or a topic is missing or has too few partitions.
    """
    defined = [one.name for one in defined_topics(settings, 1)]
    elsewhere = {settings.retrain_requests_topic, settings.side_index_topic}  # a worker serves without them
    names = [name for name in defined if name not in elsewhere]
    async with _admin(settings) as admin:
        counts = await _partition_counts(admin, names)
    if missing := [name for name in names if name not in counts]:
        known_to_all = settings.kafka_security_protocol == "PLAINTEXT"
        unseen = "" if known_to_all else ", or Kafka refuses this user DESCRIBE on it"
        raise UsageError(f"topic {', '.join(missing)} does not exist{unseen}; run `millrace topics create`")
    if problem := topic_problem(counts, settings.event_topics, settings.recommendations_topic):
        raise UsageError(problem)


async def _partition_counts(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, int]:
    existing = set(await admin.list_topics())
    described = await admin.describe_topics([name for name in names if name in existing])
    return {
        topic["topic"]: len(topic["partitions"]) for topic in described if topic["error_code"] == _NO_ERROR
    }


@asynccontextmanager
async def _admin(settings: SharedSettings) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(**kafka_arguments(settings), request_timeout_ms=10_000)
    try:
        await admin.start()
        yield admin
    except (KafkaConnectionError, OSError) as error:
        raise UsageError(kafka_unreachable(settings.kafka_bootstrap_servers)) from error
    except KafkaError as error:
        raise UsageError(f"Kafka at {settings.kafka_bootstrap_servers}: {error!r}") from error
    finally:
        await admin.close()
