"""New items between releases: a builder beside a worker, on a real Kafka and Redis."""

import asyncio
import signal
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import pytest
from confluent_kafka import Producer

from models.release import VECTORS_FILE
from retrain.side_index.side_index_announcing import open_topic
from schemas.ids import ItemId, ReleaseId, SessionId
from schemas.item_metadata import ItemMetadata, encode_item_metadata
from schemas.recommendation_list import RecommendationList
from streams.dev.child_processes import Child
from streams.dev.ports import free_port
from tests.side_index_builder import some_side_items, write_side_index
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import ITEMS, KnownTraffic
from tests.streams.worker_stage import DEADLINE_S, RunningWorker, Stage

pytestmark = pytest.mark.usefixtures("apache_kafka")
NEW = "new-item"


def start_builder(stage: Stage, **settings: str) -> Child:
    """A `millrace side-index` that publishes twice a second."""
    quick = {"MILLRACE_SIDE_INDEX_INTERVAL_S": "0.5", "MILLRACE_SIDE_INDEX_PORT": "0"}
    return stage.children.start_millrace("side-index", env={**stage.environment, **quick, **settings})


def lead_to(traffic: KnownTraffic, item_id: str, sessions: range) -> None:
    """Sessions that go from item-3 to the item, and others that go elsewhere."""
    for number in sessions:
        traffic.click(f"leader-{number}", "item-3")
        traffic.click(f"leader-{number}", item_id)
        traffic.click(f"other-{number}", "item-7")
        traffic.click(f"other-{number}", "item-8")
    traffic.flush()


def version(worker: RunningWorker) -> float:
    """The side index that a worker searches; 0 for none."""
    return worker.metric("millrace_side_index_version")


def asked(
    stage: Stage, traffic: KnownTraffic, lists: EmittedLists, session_id: str, item_id: str
) -> RecommendationList:
    """The list for a click."""
    traffic.click(session_id, item_id)
    traffic.flush()
    last = traffic.last_ids()[SessionId(session_id)]
    lists.read_all([last])
    return lists.by_id[last][0]


def shown(one: RecommendationList) -> list[str]:
    """Its items."""
    return [item.item_id for item in one.items]


def test_new_item_is_recommended_to_the_next_session_like_those_that_reached_it(
    stage: Stage, lists: EmittedLists
) -> None:
    worker, traffic = stage.start_worker(), stage.traffic()
    start_builder(stage)
    lead_to(traffic, NEW, range(30))
    worker.wait_for(lambda: worker.metric("millrace_side_index_items") == 1, "knowing the new item")
    led = asked(stage, traffic, lists, "next", "item-3")
    assert NEW in shown(led)[:2]
    assert led.side_index_version is not None
    assert shown(asked(stage, traffic, lists, "other", "item-7"))[0] == "item-8"
    assert worker.metric("millrace_lists_with_new_items_total") > 0


def hide(stage: Stage, item_id: str, available: bool) -> None:
    """Tell on the items topic whether an item may be shown."""
    item = ItemMetadata(item_id=ItemId(item_id), available=available)
    producer = Producer({"bootstrap.servers": stage.kafka.bootstrap_servers})
    producer.produce(stage.environment["MILLRACE_ITEMS_TOPIC"], encode_item_metadata(item), item_id.encode())
    assert producer.flush(60) == 0


def test_new_item_that_is_not_available_is_hidden_until_it_is(stage: Stage, lists: EmittedLists) -> None:
    worker, traffic = stage.start_worker(), stage.traffic()
    start_builder(stage)
    lead_to(traffic, NEW, range(30))
    worker.wait_for(lambda: worker.metric("millrace_side_index_items") == 1, "knowing the new item")
    hide(stage, NEW, available=False)
    names = (f"asks-{number}" for number in range(1000))

    def is_shown() -> bool:
        return NEW in shown(asked(stage, traffic, lists, next(names), "item-3"))

    worker.wait_for(lambda: not is_shown(), "hiding the item")
    hide(stage, NEW, available=True)
    worker.wait_for(is_shown, "showing the item")


def test_release_swap_drops_the_side_index_and_the_new_release_gets_its_own(
    stage: Stage, lists: EmittedLists
) -> None:
    worker, traffic = stage.start_worker(), stage.traffic()
    start_builder(stage)
    lead_to(traffic, NEW, range(30))
    worker.wait_for(lambda: version(worker) > 0, "searching a side index")
    before = version(worker)
    second = stage.publish("r2", [*ITEMS, NEW])
    lead_to(traffic, "newer-item", range(100, 130))
    worker.wait_for(
        lambda: worker.metric("millrace_active_release", release_id=second) == 1, "the new release"
    )
    worker.wait_for(lambda: version(worker) > before, "searching a side index of it")
    worker.wait_for(
        lambda: "newer-item" in shown(asked(stage, traffic, lists, "once-more", "item-3"))[:3],
        "recommending what is new to it",
    )
    by_version: dict[int | None, set[ReleaseId]] = {}
    for one in lists.first_emissions:
        by_version.setdefault(one.side_index_version, set()).add(one.release_id)
        if one.side_index_version is None and one.release_id == ReleaseId("r1"):
            assert NEW not in shown(one)
    by_version.pop(None, None)
    assert all(len(releases) == 1 for releases in by_version.values())


def test_killed_builder_leaves_the_last_version_and_the_next_goes_on_above_it(stage: Stage) -> None:
    worker, traffic = stage.start_worker(), stage.traffic()
    builder = start_builder(stage)
    lead_to(traffic, NEW, range(30))
    worker.wait_for(lambda: version(worker) > 0, "searching a side index")
    builder.send_signal(signal.SIGKILL)
    builder.wait(DEADLINE_S)
    before = version(worker)
    start_builder(stage)
    worker.wait_for(lambda: version(worker) > before, "searching one of the new builder")
    assert worker.metric("millrace_side_index_items") == 1


def test_builder_stops_on_a_signal_and_tells_what_it_built(stage: Stage) -> None:
    port = free_port()
    builder = start_builder(stage, MILLRACE_SIDE_INDEX_PORT=str(port))
    watched = RunningWorker(builder, f"http://127.0.0.1:{port}")
    lead_to(stage.traffic(), NEW, range(30))
    watched.wait_for(lambda: answers(watched), "answering")
    watched.wait_for(lambda: watched.metric("millrace_built_side_index_version") > 0, "announcing")
    assert watched.metric("millrace_built_side_index_items") == 1
    assert watched.metric("millrace_side_index_events_total") > 0
    assert watched.stop() == 0


def answers(watched: RunningWorker) -> bool:
    """Whether there is anybody at its port yet."""
    try:
        return watched.metric("millrace_side_index_sessions") >= 0
    except OSError:
        return False


def test_corrupt_version_is_refused_and_the_one_before_goes_on(stage: Stage, lists: EmittedLists) -> None:
    worker, traffic = stage.start_worker(), stage.traffic()
    write_and_announce(stage, 1)
    worker.wait_for(lambda: version(worker) == 1, "searching the first")
    write_and_announce(stage, 2, broken=True)
    worker.wait_for(lambda: worker.metric("millrace_side_indexes_refused_total") == 1, "refusing the second")
    one = asked(stage, traffic, lists, "s", "item-3")
    assert one.side_index_version == 1
    assert "n0" in shown(one)
    write_and_announce(stage, 3)
    worker.wait_for(lambda: version(worker) == 3, "searching the third")


def test_store_that_is_away_is_waited_for_and_the_worker_stays_ready(stage: Stage) -> None:
    worker = stage.start_worker()
    write_and_announce(stage, 1)
    worker.wait_for(lambda: version(worker) == 1, "searching the first")
    write_and_announce(stage, 2, before=lambda: stage.releases.rename(stage.releases.with_name("away")))
    worker.wait_for(lambda: "side index" in worker.troubles(), "saying that it waits")
    assert worker.is_ready()
    stage.releases.with_name("away").rename(stage.releases)
    worker.wait_for(lambda: version(worker) == 2, "searching the second")
    assert "side index" not in worker.troubles()


def write_and_announce(
    stage: Stage, number: int, broken: bool = False, before: Callable[[], object] = lambda: None
) -> None:
    """A version with two items that lie near what follows item-3."""
    vectors = np.zeros((2, len(ITEMS)), dtype=np.float32)
    vectors[:, 4] = 0.9
    folder = write_side_index(stage.releases, ReleaseId("r1"), number, some_side_items(vectors))
    if broken:
        (folder / VECTORS_FILE).write_bytes(b"something else")
    before()
    asyncio.run(announce_version(stage, number))


async def announce_version(stage: Stage, number: int) -> None:
    """Announce a version as a builder does."""
    kafka = {"bootstrap_servers": stage.kafka.bootstrap_servers}
    async with open_topic(kafka, stage.environment["MILLRACE_SIDE_INDEX_TOPIC"]) as writer:
        await writer.announce(ReleaseId("r1"), number, 2, datetime.now(UTC))
