"""An item that no release knows yet is recommended beside the running one, and then by the next release."""

import msgspec
import pytest
from confluent_kafka import Producer

from schemas.ids import ReleaseId
from schemas.recommendation_list import RecommendationList
from tests.loop.loop_stage import SESSIONS, LoopStage
from tests.retrain.planted_sessions import START_MS
from tests.streams.emitted_lists import EmittedLists
from tests.streams.worker_stage import RunningWorker

pytestmark = [pytest.mark.timeout(240), pytest.mark.usefixtures("apache_kafka")]
NEW = "new-item"


def lead_to_it(loop: LoopStage, sessions: range) -> None:
    """Sessions that go on to the new item from 2-3."""
    producer = Producer({"bootstrap.servers": loop.kafka.bootstrap_servers})
    for number in sessions:
        for at, item_id in enumerate(("2-2", "2-3", NEW, "2-4")):
            event = {
                "session_id": f"leader-{number}",
                "item_id": item_id,
                "event_type": "view",
                "occurred_at": START_MS + 60_000 * (SESSIONS + number) + 1000 * at,
            }
            topic = loop.environment["MILLRACE_EVENT_TOPICS"]
            producer.produce(topic, msgspec.json.encode(event), f"leader-{number}")
    assert producer.flush(30) == 0


def showing_it(lists: EmittedLists, release_id: ReleaseId | None) -> list[RecommendationList]:
    """The lists of a release that have the new item."""
    return [
        one
        for one in lists.first_emissions
        if one.release_id == release_id and NEW in [item.item_id for item in one.items]
    ]


def side_version(worker: RunningWorker) -> int:
    return int(worker.metric("millrace_side_index_version"))


def test_new_item_is_recommended_beside_the_release_and_then_by_the_next(
    loop: LoopStage, lists: EmittedLists
) -> None:
    loop.produce(seed=1)
    first = loop.cycle()
    worker = loop.start_worker()
    loop.wait_until_served(worker, first.release_id, 1)
    quick = {"MILLRACE_SIDE_INDEX_INTERVAL_S": "0.5", "MILLRACE_SIDE_INDEX_PORT": "0"}
    builder = loop.command("side-index", **quick)
    lead_to_it(loop, range(60))
    worker.wait_for(lambda: side_version(worker) > 0, "searching a side index")
    lead_to_it(loop, range(60, 80))
    lists.read_until(lambda: builder.is_running() and showing_it(lists, first.release_id))
    assert all(one.side_index_version for one in showing_it(lists, first.release_id))
    worker.wait_for(lambda: loop.heartbeat().side_index_version == side_version(worker), "telling it")

    second = loop.cycle()
    assert second.outcome == "running"
    loop.wait_until_served(worker, second.release_id, 2)
    lead_to_it(loop, range(80, 100))
    lists.read_until(lambda: showing_it(lists, second.release_id))
    assert not any(one.side_index_version for one in showing_it(lists, second.release_id))
    worker.wait_for(lambda: loop.heartbeat().side_index_version is None, "telling that there is none")
