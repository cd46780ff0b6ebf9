"""Events whose right lists are known: what was sent where, and the list that each event must give.

The answers follow from `tests.successor_release` and from the log alone, whatever the workers went through.
Callers: the tests of running workers.
"""

import json
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import numpy as np
from confluent_kafka import KafkaError, Message, Producer

from schemas.ids import ItemId, RecommendationId, SessionId
from tests.successor_release import successors

ITEMS = [f"item-{number}" for number in range(10)]
"""The catalogue of most tests; a list of all of them shows the whole order of a session's clicks."""
STARTED_AT_MS = 1_767_312_000_000


class SentEvent(NamedTuple):
    """A click that Kafka has acknowledged."""

    partition: int
    offset: int
    session_id: SessionId
    item_id: ItemId


class KnownTraffic:
    """Produces events with librdkafka and remembers where Kafka put them.

    Args:
        bootstrap_servers: Kafka's address.
        topic: the events topic.
    """

    def __init__(self, bootstrap_servers: str, topic: str) -> None:
        self.topic = topic
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap_servers,
                "enable.idempotence": True,
                "linger.ms": 2,
                "message.max.bytes": 2_000_000,
                "log_level": 2,
            }
        )
        self._sent: list[SentEvent] = []
        self._random = np.random.default_rng(7)

    def click(self, session_id: str, item_id: str, partition: int = -1, **fields: object) -> None:
        """Send a view of an item that counts for the answers; -1: the partition that librdkafka chooses."""
        value = an_event(session_id=session_id, item_id=item_id, **fields)
        self._produce(value, session_id.encode(), partition, (), SessionId(session_id), ItemId(item_id))

    def clicks(self, sessions: Sequence[str], each: int) -> None:
        """Send random clicks of several sessions in turn, and wait until Kafka has them."""
        for _ in range(each):
            for session_id in sessions:
                self.click(session_id, self.random_item())
        self.flush()

    def random_item(self) -> str:
        """An item of the catalogue."""
        return ITEMS[self._random.integers(len(ITEMS))]

    def send(
        self,
        value: bytes | None,
        key: bytes | None = None,
        partition: int = -1,
        headers: Sequence[tuple[str, bytes]] = (),
    ) -> None:
        """Send what does not count for the answers."""
        self._produce(value, key, partition, headers, None, None)

    def flush(self) -> None:
        """Wait until Kafka has everything."""
        assert self._producer.flush(60) == 0, "Kafka did not take the events within 60 s"

    @property
    def sent(self) -> list[SentEvent]:
        """The clicks in log order of their partitions."""
        return sorted(self._sent)

    def answers(self, items: list[str] = ITEMS, k: int = len(ITEMS)) -> dict[RecommendationId, list[str]]:
        """The list that each click must give, by its id, under the release of these items."""
        return {
            RecommendationId(f"{self.topic}-{event.partition}-{event.offset}"): successors(items, history, k)
            for event, history in self._with_history()
        }

    def histories(self) -> dict[SessionId, list[str]]:
        """All clicks of each session, in log order."""
        return {event.session_id: history for event, history in self._with_history()}

    def last_ids(self) -> dict[SessionId, RecommendationId]:
        """The id of each session's last list."""
        return {
            event.session_id: RecommendationId(f"{self.topic}-{event.partition}-{event.offset}")
            for event in self.sent
        }

    def ends(self) -> dict[int, int]:
        """By partition, the offset after the last click."""
        return {event.partition: event.offset + 1 for event in self.sent}

    @contextmanager
    def load(self, sessions: Sequence[str], rate: float) -> Iterator[None]:
        """Random clicks of these sessions in turn, `rate` a second, while the block runs."""
        stop = threading.Event()

        def run() -> None:
            turn = 0
            while not stop.wait(1 / rate):
                self.click(sessions[turn % len(sessions)], self.random_item())
                turn += 1

        thread = threading.Thread(target=run, name="load")
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()
            self.flush()

    def _with_history(self) -> Iterator[tuple[SentEvent, list[str]]]:
        histories: dict[SessionId, list[str]] = {}
        for event in self.sent:
            history = histories.setdefault(event.session_id, [])
            history.append(event.item_id)
            yield event, list(history)

    def _produce(
        self,
        value: bytes | None,
        key: bytes | None,
        partition: int,
        headers: Sequence[tuple[str, bytes]],
        session_id: SessionId | None,
        item_id: ItemId | None,
    ) -> None:
        def delivered(error: KafkaError | None, message: Message) -> None:
            assert error is None, error
            if session_id is not None and item_id is not None:
                at, offset = message.partition(), message.offset()
                assert at is not None
                assert offset is not None
                self._sent.append(SentEvent(at, offset, session_id, item_id))

        self._producer.produce(
            self.topic, value, key, partition=partition, headers=list(headers), on_delivery=delivered
        )
        self._producer.poll(0)


def an_event(**fields: object) -> bytes:
    """The JSON of an ItemEvent: a view of item-0 in session s, where the fields do not say otherwise."""
    event: Mapping[str, object] = {
        "session_id": "s",
        "item_id": ITEMS[0],
        "event_type": "view",
        "occurred_at": STARTED_AT_MS,
        **fields,
    }
    return json.dumps(event).encode()
