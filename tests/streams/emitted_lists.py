"""What workers emitted, read from Kafka with a consumer without a group, as a shop would read it.

Owns the checks that every test of the flow makes: a list for every event, the right one, and in order.
"""

import time
from collections.abc import Callable, Collection, Mapping
from contextlib import closing

from confluent_kafka import Consumer, Message, TopicPartition

from schemas.ids import RecommendationId, SessionId
from schemas.recommendation_list import RecommendationList, decode_recommendation_list

DEADLINE_S = 60.0
_POLL_S = 0.2


class TopicReader:
    """All messages of a topic, read on as they come.

    Args:
        bootstrap_servers: Kafka's address.
        topic: which one.
        partitions: how many it has.
    """

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int) -> None:
        self.messages: list[Message] = []
        self._topic = topic
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap_servers,
                "group.id": "nobody",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "fetch.wait.max.ms": 20,
                "fetch.message.max.bytes": 10_000_000,
            }
        )
        self._consumer.assign([TopicPartition(topic, number, 0) for number in range(partitions)])

    def close(self) -> None:
        """Disconnect."""
        self._consumer.close()

    def read_until(self, enough: Callable[[], object], deadline_s: float = DEADLINE_S) -> None:
        """Read until the condition holds, which is asked after each fetch.

        Raises:
            TimeoutError: it does not hold before the deadline.
        """
        deadline = time.monotonic() + deadline_s
        while not enough():
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._topic}: {len(self.messages)} messages after {deadline_s:g} s")
            for message in self._consumer.consume(1000, _POLL_S):
                assert message.error() is None, message.error()
                self.messages.append(message)
                self.take(message)

    def take(self, message: Message) -> None:
        """What a reader makes of a message; nothing here."""


class EmittedLists(TopicReader):
    """The lists on the `recommendations` topic, by id; tombstones by session."""

    def __init__(self, bootstrap_servers: str, topic: str, partitions: int) -> None:
        super().__init__(bootstrap_servers, topic, partitions)
        self.by_id: dict[RecommendationId, list[RecommendationList]] = {}
        self.first_emissions: list[RecommendationList] = []
        self.erased: list[SessionId] = []

    def take(self, message: Message) -> None:
        """Sort a message, and check that it is where a list belongs."""
        key, value = message.key(), message.value()
        assert isinstance(key, bytes)
        if value is None:
            self.erased.append(SessionId(key.decode()))
            return
        assert isinstance(value, bytes)
        one = decode_recommendation_list(value)
        assert key == one.session_id.encode()
        assert message.partition() == one.source.partition
        emissions = self.by_id.setdefault(one.recommendation_id, [])
        if not emissions:
            self.first_emissions.append(one)
        emissions.append(one)

    def read_all(self, ids: Collection[RecommendationId], deadline_s: float = DEADLINE_S) -> None:
        """Read until there is a list for each of these events."""
        try:
            self.read_until(lambda: self.by_id.keys() >= set(ids), deadline_s)
        except TimeoutError as error:
            missing = sorted(set(ids) - self.by_id.keys())
            raise AssertionError(
                f"no list for {len(missing)} of {len(ids)} events, as {missing[:5]}"
            ) from error

    def item_ids(self, recommendation_id: RecommendationId) -> list[str]:
        """The items of the list for an event; emitted again, it must be the same."""
        first, *others = ([item.item_id for item in one.items] for one in self.by_id[recommendation_id])
        assert all(other == first for other in others), f"{recommendation_id} was emitted with other content"
        return list(first)

    def wrong(self, answers: Mapping[RecommendationId, list[str]]) -> dict[RecommendationId, list[str]]:
        """The emitted lists that are not the known answers."""
        found = {one: self.item_ids(one) for one in answers}
        return {one: items for one, items in found.items() if items != answers[one]}

    def repeated(self) -> int:
        """How many lists were emitted more than once."""
        return sum(len(emissions) > 1 for emissions in self.by_id.values())

    def assert_in_order(self) -> None:
        """First emissions of a session come in the order of its events."""
        last: dict[tuple[SessionId, int], int] = {}
        for one in self.first_emissions:
            place = (one.session_id, one.source.partition)
            assert last.get(place, -1) < one.source.offset, one.recommendation_id
            last[place] = one.source.offset


def read_topic(bootstrap_servers: str, topic: str, count: int, partitions: int = 1) -> list[Message]:
    """The first messages of a topic, waited for."""
    with closing(TopicReader(bootstrap_servers, topic, partitions)) as reader:
        reader.read_until(lambda: len(reader.messages) >= count)
        return reader.messages
