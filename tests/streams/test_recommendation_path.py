"""The whole path on a real Kafka and Redis: events of two producers in, lists out, looked up over HTTP."""

import asyncio
import json
import urllib.request
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer

from schemas.ids import RecommendationId, SessionId
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import ITEMS, KnownTraffic, an_event
from tests.streams.worker_stage import PARTITIONS, Stage
from tests.successor_release import successors

Positions = dict[str, list[tuple[int, int]]]
"""Partition and offset of each event of a session."""
SESSIONS = [f"shopper-{number}" for number in range(40)]


async def produce_with_aiokafka(stage: Stage, histories: dict[str, list[str]]) -> Positions:
    """Send clicks under their session's key, partitioned as aiokafka does."""
    positions: Positions = {}
    topic = stage.environment["MILLRACE_EVENT_TOPICS"]
    async with AIOKafkaProducer(bootstrap_servers=stage.kafka.bootstrap_servers) as producer:
        for session_id, items in histories.items():
            for item_id in items:
                value = an_event(session_id=session_id, item_id=item_id)
                sent = await producer.send_and_wait(topic, value, session_id.encode())
                positions.setdefault(session_id, []).append((sent.partition, sent.offset))
    return positions


def test_events_of_both_clients_give_their_lists_once_in_order_and_over_http(
    stage: Stage, lists: EmittedLists
) -> None:
    stage.start_worker()
    lookup = stage.start_lookup()
    traffic = stage.traffic()
    traffic.clicks(SESSIONS, each=25)
    histories = {f"visitor-{n}": [ITEMS[(n * step) % 10] for step in range(1, 6)] for n in range(20)}
    positions = asyncio.run(produce_with_aiokafka(stage, histories))
    answers = traffic.answers()
    for session_id, places in positions.items():
        for number, (partition, offset) in enumerate(places, 1):
            answers[RecommendationId(f"{traffic.topic}-{partition}-{offset}")] = successors(
                ITEMS, histories[session_id][:number], len(ITEMS)
            )
    lists.read_all(answers.keys())
    assert lists.wrong(answers) == {}
    assert lists.by_id.keys() == answers.keys()
    assert lists.repeated() == 0
    lists.assert_in_order()
    for session_id, last in traffic.last_ids().items():
        assert looked_up(lookup, session_id) == (last, answers[last])
    for session_id, places in positions.items():
        last = RecommendationId(f"{traffic.topic}-{places[-1][0]}-{places[-1][1]}")
        assert looked_up(lookup, session_id) == (last, answers[last])


def test_events_of_two_topics_meet_in_their_session(stage: Stage, lists: EmittedLists) -> None:
    views = stage.traffic()
    carts = KnownTraffic(stage.kafka.bootstrap_servers, f"{views.topic}-carts")
    stage.kafka.create_topic(carts.topic, PARTITIONS)
    worker = stage.start_worker(MILLRACE_EVENT_TOPICS=f"{views.topic},{carts.topic}")
    for number, session_id in enumerate(SESSIONS):
        views.click(session_id, "item-1", partition=number % PARTITIONS)
    views.flush()
    lists.read_all(views.answers().keys())
    for number, session_id in enumerate(SESSIONS):
        carts.click(session_id, "item-5", partition=number % PARTITIONS, event_type="cart")
    carts.flush()
    lists.read_all(carts.answers().keys())
    assert lists.wrong(views.answers()) == {}
    both = successors(ITEMS, ["item-1", "item-5"], len(ITEMS))
    assert [lists.item_ids(one) for one in carts.answers()] == [both] * len(SESSIONS)
    worker.wait_for(lambda: saved(stage) == ["item-1", "item-5"], "done with saving")


def saved(stage: Stage) -> list[str]:
    """The items of the last session's state."""
    state = stage.state(SESSIONS[-1])
    return list(state.item_ids) if state else []


@pytest.mark.skipif(not Path("/proc/self/maps").exists(), reason="reads what Linux says a process has loaded")
def test_serving_worker_has_loaded_no_torch(stage: Stage, lists: EmittedLists) -> None:
    worker = stage.start_worker()
    traffic = stage.traffic()
    traffic.clicks(SESSIONS, each=1)
    lists.read_all(traffic.answers().keys())
    loaded = Path(f"/proc/{worker.child.pid}/maps").read_text()
    assert "onnxruntime" in loaded
    assert "torch" not in loaded


def looked_up(lookup: str, session_id: str) -> tuple[str, list[str]]:
    """Id and items of the list that the lookup gives for a session."""
    url = f"{lookup}/sessions/{SessionId(session_id)}/recommendations?k={len(ITEMS)}"
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310  # our own address
        answer = json.load(response)
    return answer["recommendation_id"], [item["item_id"] for item in answer["items"]]
