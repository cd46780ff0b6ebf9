"""The catalogue on a real Kafka and Redis: what the shop says of an item changes the lists that follow."""

from collections.abc import Callable

import pytest
from confluent_kafka import Producer

from schemas.ids import ItemId
from schemas.item_metadata import ItemMetadata, encode_item_metadata
from schemas.redis_keys import ITEMS as CATALOGUE
from schemas.redis_keys import ITEMS_COMPLETE
from tests.odd_messages import send_odd
from tests.services.redis_servers import PrivateRedis
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import ITEMS, KnownTraffic
from tests.streams.worker_stage import RunningWorker, Stage


def an_item(item_id: str, available: bool = True) -> tuple[str, bytes]:
    """Key and value of a message on the items topic."""
    return item_id, encode_item_metadata(
        ItemMetadata(item_id=ItemId(item_id), title=f"The {item_id}", available=available)
    )


class Shop:
    """Says what there is to sell, and clicks until the worker has heard it."""

    def __init__(self, stage: Stage, worker: RunningWorker, lists: EmittedLists) -> None:
        self._stage, self._worker, self._lists = stage, worker, lists
        self._topic = stage.environment["MILLRACE_ITEMS_TOPIC"]
        self._items = Producer({"bootstrap.servers": stage.kafka.bootstrap_servers, "log_level": 2})
        self._traffic: KnownTraffic = stage.traffic()
        self._clicks = 0

    def say(self, *messages: tuple[str, bytes | None]) -> None:
        for key, value in messages:
            self._items.produce(self._topic, value, key)
        assert self._items.flush(60) == 0

    def say_in_a_transaction_that_is_aborted(self, key: str, value: bytes) -> None:
        producer = Producer(
            {
                "bootstrap.servers": self._stage.kafka.bootstrap_servers,
                "transactional.id": f"{self._topic}-writer",
                "log_level": 2,
            }
        )
        producer.init_transactions(60)
        producer.begin_transaction()
        producer.produce(self._topic, value, key)
        assert producer.flush(60) == 0
        producer.abort_transaction(60)

    def say_what_cannot_be_parsed(self) -> None:
        send_odd(self._stage.kafka.bootstrap_servers, self._topic)

    def hidden(self) -> set[str]:
        """The items that are not in the list for one more click."""
        self._clicks += 1
        self._traffic.click(f"s{self._clicks}", ITEMS[0])
        self._traffic.flush()
        self._lists.read_until(lambda: len(self._lists.first_emissions) == self._clicks)
        shown = {item.item_id for item in self._lists.first_emissions[-1].items}
        return set(ITEMS) - shown

    def wait_until_hidden(self, *item_ids: str) -> None:
        self._worker.wait_for(lambda: self.hidden() == set(item_ids), f"hiding {item_ids}")

    def wait_for_catalogue(self, *items: tuple[str, bytes]) -> None:
        self._worker.wait_for(lambda: self.catalogue() == dict(items), "done with the catalogue")

    def catalogue(self) -> dict[str, bytes]:
        with self._stage.redis() as redis:
            stored: dict[bytes, bytes] = redis.hgetall(CATALOGUE)
        return {key.decode(): value for key, value in stored.items()}


@pytest.fixture
def shop(private_stage: Stage, lists: EmittedLists) -> Callable[[], Shop]:
    return lambda: Shop(private_stage, private_stage.start_worker(), lists)


def test_unavailable_items_disappear_from_lists_and_return(shop: Callable[[], Shop]) -> None:
    running = shop()
    running.wait_until_hidden()
    running.say(an_item("item-1", available=False), an_item("item-2", available=False), an_item("item-3"))
    running.wait_until_hidden("item-1", "item-2")
    running.say(an_item("item-1"))
    running.wait_until_hidden("item-2")
    running.say(("item-2", None))
    running.wait_until_hidden()
    assert running.catalogue().keys() == {"item-1", "item-3"}


def test_invalid_item_does_not_stop_those_after_it(shop: Callable[[], Shop], private_stage: Stage) -> None:
    running = shop()
    running.say(
        ("item-1", b"no item"),
        ("item-1", an_item("item-2", available=False)[1]),
        ("item-3", b"\xff"),
        an_item("item-4", available=False),
    )
    running.wait_until_hidden("item-4")
    assert running.catalogue() == dict([an_item("item-4", available=False)])
    worker = private_stage.workers[0]
    worker.wait_for(lambda: worker.metric("millrace_invalid_items_total") == 3, "done with the invalid items")


def test_item_that_the_client_cannot_parse_is_counted_and_passed_over_by_agent_and_rebuilding(
    shop: Callable[[], Shop], private_stage: Stage, private_redis: PrivateRedis
) -> None:
    running = shop()
    running.say(an_item("item-1", available=False))
    running.say_what_cannot_be_parsed()
    running.say(an_item("item-2", available=False))
    running.wait_until_hidden("item-1", "item-2")
    (worker,) = private_stage.workers
    assert worker.metric("millrace_invalid_items_total") == 1
    (line,) = [line for line in worker.child.log_tail(1000).splitlines() if "item ignored" in line]
    assert "[0]@1" in line
    assert "the Kafka client cannot read the message" in line
    private_redis.restore(None)
    running.wait_for_catalogue(an_item("item-1", available=False), an_item("item-2", available=False))
    running.wait_until_hidden("item-1", "item-2")


@pytest.mark.usefixtures("apache_kafka")
def test_items_of_an_aborted_transaction_are_not_seen(shop: Callable[[], Shop]) -> None:
    running = shop()
    running.say_in_a_transaction_that_is_aborted(*an_item("item-1", available=False))
    running.say(an_item("item-2", available=False))
    running.wait_until_hidden("item-2")
    assert running.catalogue() == dict([an_item("item-2", available=False)])


def test_catalogue_is_rebuilt_from_its_topic_when_redis_has_lost_it(
    shop: Callable[[], Shop], private_stage: Stage, private_redis: PrivateRedis
) -> None:
    running = shop()
    running.say(an_item("item-1", available=False), an_item("item-2"), an_item("item-3"), ("item-3", None))
    running.wait_until_hidden("item-1")
    private_redis.restore(None)
    worker = private_stage.workers[0]

    def is_back() -> bool:
        with private_stage.redis() as redis:
            return bool(redis.exists(ITEMS_COMPLETE))

    worker.wait_for(is_back, "done with the rebuilding")
    assert running.catalogue() == dict([an_item("item-1", available=False), an_item("item-2")])
    running.wait_until_hidden("item-1")
    running.say(an_item("item-5", available=False))
    running.wait_until_hidden("item-1", "item-5")


def test_catalogue_of_an_older_snapshot_is_read_anew(
    shop: Callable[[], Shop], private_redis: PrivateRedis
) -> None:
    running = shop()
    running.say(an_item("item-1", available=False), an_item("item-2"))
    running.wait_until_hidden("item-1")
    snapshot = private_redis.snapshot()
    running.say(an_item("item-1"), an_item("item-3", available=False))
    running.wait_until_hidden("item-3")
    private_redis.restore(snapshot)
    running.wait_for_catalogue(an_item("item-1"), an_item("item-2"), an_item("item-3", available=False))
    running.wait_until_hidden("item-3")
