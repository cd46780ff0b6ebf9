"""New items between releases: a builder beside a worker, on a real Kafka and Redis."""

import pytest

from schemas.ids import SessionId
from schemas.recommendation_list import RecommendationList
from streams.dev.child_processes import Child
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import KnownTraffic
from tests.streams.worker_stage import RunningWorker, Stage

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
