"""Reading all that a topic holds now, in log order of each partition. Caller: `tests.chaos.oracle`."""

import time
from collections.abc import Iterator
from contextlib import closing

from confluent_kafka import Consumer, Message, TopicPartition

STALLED_S = 60.0
_FETCH_S = 1.0


def whole_topic(bootstrap_servers: str, topic: str) -> Iterator[Message]:
    """All messages of a topic up to the ends that it has when reading begins.

    Raises:
        TimeoutError: nothing came for a minute, though there is more.
    """
    settings = {"bootstrap.servers": bootstrap_servers, "group.id": "nobody", "enable.auto.commit": False}
    with closing(
        Consumer({**settings, "auto.offset.reset": "earliest", "fetch.wait.max.ms": 20})
    ) as consumer:
        left = log_ends(consumer, topic)
        consumer.assign([TopicPartition(topic, number, 0) for number in left])
        heard = time.monotonic()
        while left := {number: end for number, end in left.items() if end > 0}:
            for message in consumer.consume(1000, _FETCH_S):
                assert message.error() is None, message.error()
                number, offset = message.partition(), message.offset()
                assert number is not None
                assert offset is not None
                if number in left and offset + 1 >= left[number]:
                    left[number] = 0
                heard = time.monotonic()
                yield message
            if time.monotonic() - heard > STALLED_S:
                raise TimeoutError(f"{topic}: nothing came for {STALLED_S:g} s, ends not reached: {left}")


def log_ends(consumer: Consumer, topic: str) -> dict[int, int]:
    """By partition, the offset after its last message."""
    partitions = consumer.list_topics(topic, timeout=30).topics[topic].partitions
    return {
        number: consumer.get_watermark_offsets(TopicPartition(topic, number), timeout=30)[1]
        for number in sorted(partitions)
    }
