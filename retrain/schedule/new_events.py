"""How many events the topics hold behind those that the running release was made from.

Counts offsets: what is between the release's recorded ranges and the present ends, less what retention has
taken. Caller: `retrain.schedule.cycle_reasons`.
"""

from collections.abc import Iterable

from aiokafka import TopicPartition
from aiokafka.errors import KafkaConnectionError, KafkaError

from retrain.topic_reading import groupless_consumer, topic_partitions
from schemas.connections import kafka_arguments
from schemas.errors import Unavailable, UsageError
from schemas.kafka_refusals import kafka_unreachable
from schemas.release_manifest import LogRange
from schemas.settings import SharedSettings


async def count_new_events(settings: SharedSettings, ranges: Iterable[LogRange]) -> int:
    """Count the messages of the event topics behind the ranges.

    Args:
        settings: where Kafka is, and what the event topics are called.
        ranges: of the release's manifest; a partition that they do not name is new whole.

    Raises:
        Unavailable: Kafka does not answer, or a topic is missing.
    """
    consumer = groupless_consumer(kafka_arguments(settings))
    try:
        partitions = await topic_partitions(settings, settings.event_topics)
        await consumer.start()
        first = await consumer.beginning_offsets(partitions)
        end = await consumer.end_offsets(partitions)
    except KafkaConnectionError as error:
        raise Unavailable(kafka_unreachable(settings.kafka_bootstrap_servers)) from error
    except KafkaError as error:
        raise Unavailable(f"topic {', '.join(settings.event_topics)}: {error!r}") from error
    except UsageError as error:  # the topic may be made while the schedule waits
        raise Unavailable(str(error)) from error
    finally:
        await consumer.stop()
    known: dict[TopicPartition, int] = {}
    for one in ranges:
        at = TopicPartition(one.topic, one.partition)
        known[at] = max(known.get(at, 0), one.next_offset)
    # A topic that was made anew begins at 0 again, below what the ranges say: all of it is new.
    return sum(
        end[at] - (first[at] if known.get(at, 0) > end[at] else max(first[at], known.get(at, 0)))
        for at in partitions
    )
