"""The topics of Millrace: which there are, and how they are created. Names come from the settings."""

import msgspec

HOUR_MS = 3_600_000
MAX_EVENT_BYTES = 1_000_000
"""A larger event is dead-lettered; Kafka's own default limit lies just above."""
MAX_DEAD_LETTER_BYTES = 10_000_000
"""What the dead-letter topic takes: an oversized event whole, with its reason."""


class TopicDefinition(msgspec.Struct, frozen=True, kw_only=True):
    """A topic as `millrace topics create` makes it."""

    name: str
    partitions: int
    config: dict[str, str]


def topic_definitions(  # noqa: PLR0913, PLR0917  # a name for each topic
    event_topics: list[str],
    recommendations: str,
    dead_letters: str,
    items: str,
    releases: str,
    retrain_requests: str,
    side_indexes: str,
    partitions: int,
) -> list[TopicDefinition]:
    """All topics with their partition counts and cleanup policies.

    `recommendations` gets the event topics' partitions: a list goes to the partition number of its event.
    """
    delete = {"cleanup.policy": "delete", "retention.ms": str(7 * 24 * HOUR_MS)}
    latest = {
        "cleanup.policy": "compact,delete",
        "retention.ms": str(7 * 24 * HOUR_MS),
        "min.compaction.lag.ms": str(24 * HOUR_MS),
    }
    letters = {
        "cleanup.policy": "delete",
        "retention.ms": str(30 * 24 * HOUR_MS),
        "max.message.bytes": str(MAX_DEAD_LETTER_BYTES),
    }
    compact = {"cleanup.policy": "compact"}
    return [
        *(TopicDefinition(name=name, partitions=partitions, config=delete) for name in event_topics),
        TopicDefinition(name=recommendations, partitions=partitions, config=latest),
        TopicDefinition(name=dead_letters, partitions=1, config=letters),
        TopicDefinition(name=items, partitions=1, config=compact),
        TopicDefinition(name=releases, partitions=1, config=compact),
        TopicDefinition(name=retrain_requests, partitions=1, config=delete),
        TopicDefinition(name=side_indexes, partitions=1, config=compact),
    ]
