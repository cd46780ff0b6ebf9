"""A paced load and its latencies: from when an event was due to when its list can be read.

Owns the schedule, which never moves: an event that goes out late counts from when it was due, so nothing is
hidden by a worker that is slow (no coordinated omission). A process of its own on librdkafka, since it shares
its core with the broker; a list is known by the number of its event, `load-17`. Prints one line of JSON, see
`Latencies`. Caller: `bench_paced`, as `python -m streams.dev.paced_load` with `Load` as JSON.
"""

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import numpy as np
from confluent_kafka import Consumer, Message, Producer, TopicPartition
from numpy.typing import NDArray

from streams.dev.load_record import write_record
from streams.dev.lookup_polling import LookupPolling
from streams.dev.numbered_events import number_of, numbered_events

_ANSWER_S = 10.0
_LEAD_S = 0.5
"""Until the first event is due."""
_WARM_UP_S = 1.0
"""Events of the first second are not counted: clients find their brokers then."""
_PATIENCE_S = 20.0
"""How long lists are waited for after the last event."""
_LOOK_S = 0.01
_AT_ONCE_IN_BATCHES = {"linger.ms": 0, "max.in.flight": 5}
"""Nothing waits while a request is free to go, and what then waits goes together. With librdkafka's million
requests in flight each event would be one, and the broker takes a connection's one by one: at thousands a
second they would wait for seconds in its socket, and the load would measure itself."""
_AT_ONCE = 500
_QUANTILES = {"p50": 0.5, "p90": 0.9, "p99": 0.99, "p99_9": 0.999}


class Load(msgspec.Struct, frozen=True, kw_only=True):
    """What one load is."""

    bootstrap_servers: str
    events_topic: str
    lists_topic: str
    events: str
    """File of ItemEvent JSON a line; taken in turn, and again from the start where there are too few."""
    first: int
    """The number of the first event; no load before it had this number or a greater one."""
    rate: float
    """Events a second."""
    seconds: float
    lookup_url: str | None = None
    """None: no lookup is asked."""
    record: str | None = None
    """File for what was read, see `load_record`; None: it is not kept."""


class Latencies(msgspec.Struct, frozen=True):
    """Of the load's events, those of the first second left out."""

    events: int
    unread: int
    """Whose lists did not come; they count with the time until the end."""
    topic_ms: dict[str, float]
    """Until the list was read from its topic."""
    http_events: int
    """A sample."""
    http_ms: dict[str, float]
    """Until the lookup gave this list, or one for a later event of the session."""


def run_load(load: Load) -> Latencies:
    """Produce the events when they are due, and read the lists meanwhile."""
    events = numbered_events(Path(load.events), load.first, max(1, round(load.rate * load.seconds)))
    arrived_s: NDArray[np.float64] = np.full(len(events), np.nan)
    read: list[tuple[float, bytes]] | None = None if load.record is None else []
    producer = Producer({"bootstrap.servers": load.bootstrap_servers, **_AT_ONCE_IN_BATCHES})
    with _list_reader(load) as reader, LookupPolling(load.lookup_url) as lookup:
        due_s = time.perf_counter() + _LEAD_S + np.arange(len(events)) / load.rate
        sent, end_s = 0, due_s[-1] + _PATIENCE_S
        while np.isnan(arrived_s).any() and (now_s := time.perf_counter()) < end_s:
            while sent < len(events) and due_s[sent] <= now_s:
                event = events[sent]
                producer.produce(load.events_topic, event.value, event.session_id)
                lookup.offer(load.first + sent, event.session_id, float(due_s[sent]))
                sent += 1
            producer.poll(0)
            wait_s = due_s[sent] - now_s if sent < len(events) else _LOOK_S
            first = reader.poll(max(0.0, min(wait_s, _LOOK_S)))
            messages = [*([first] if first else []), *reader.consume(_AT_ONCE, 0)]
            _note(messages, arrived_s, load.first)
            if read is not None:
                read += [(time.perf_counter(), one.value() or b"") for one in messages]
    if load.record is not None and read is not None:
        write_record(Path(load.record), due_s, load.first, read)
    return _latencies(due_s, arrived_s, lookup.latencies_s)


def _note(messages: list[Message], arrived_s: NDArray[np.float64], first: int) -> None:
    """When the lists of these events were first read."""
    now_s = time.perf_counter()
    for message in messages:
        number = number_of(message.value())
        if number is not None and 0 <= number - first < len(arrived_s):
            arrived_s[number - first] = np.fmin(arrived_s[number - first], now_s)


def _latencies(
    due_s: NDArray[np.float64], arrived_s: NDArray[np.float64], lookup_s: dict[float, float]
) -> Latencies:
    counted_from_s = due_s[0] + _WARM_UP_S if due_s[-1] > due_s[0] + _WARM_UP_S else due_s[0]
    counted = due_s >= counted_from_s
    unread = np.isnan(arrived_s) & counted
    until_s = np.where(np.isnan(arrived_s), time.perf_counter(), arrived_s)
    sampled = [latency for due, latency in lookup_s.items() if due >= counted_from_s]
    return Latencies(
        events=int(counted.sum()),
        unread=int(unread.sum()),
        topic_ms=_quantiles_ms((until_s - due_s)[counted]),
        http_events=len(sampled),
        http_ms=_quantiles_ms(np.array(sampled)),
    )


def _quantiles_ms(latencies_s: NDArray[np.float64]) -> dict[str, float]:
    if not len(latencies_s):
        return {}
    return {name: round(1000 * float(np.quantile(latencies_s, at)), 2) for name, at in _QUANTILES.items()}


@contextmanager
def _list_reader(load: Load) -> Iterator[Consumer]:
    """A consumer of the lists from now on."""
    settings = {
        "bootstrap.servers": load.bootstrap_servers,
        "group.id": "bench-paced",
        "enable.auto.commit": False,
        "fetch.wait.max.ms": 50,
    }
    reader = Consumer(settings)
    try:
        partitions = (
            reader.list_topics(load.lists_topic, timeout=_ANSWER_S).topics[load.lists_topic].partitions
        )
        places = [TopicPartition(load.lists_topic, number) for number in partitions]
        ends = [reader.get_watermark_offsets(place, timeout=_ANSWER_S)[1] for place in places]
        reader.assign(
            [
                TopicPartition(place.topic, place.partition, end)
                for place, end in zip(places, ends, strict=True)
            ]
        )
        yield reader
    finally:
        reader.close()


def main() -> None:
    """Run the load, and print the latencies."""
    latencies = run_load(msgspec.json.decode(sys.argv[1], type=Load))
    sys.stdout.write(msgspec.json.encode(latencies).decode() + "\n")


if __name__ == "__main__":
    main()
