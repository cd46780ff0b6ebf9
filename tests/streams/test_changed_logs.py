"""The log under the watermark changes: each change is noticed, told once, and costs nothing that is there."""

import pytest

from tests.streams.changing_topics import grow, make_anew, trim
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import KnownTraffic
from tests.streams.worker_stage import PARTITIONS, RunningWorker, Stage

pytestmark = pytest.mark.usefixtures("apache_kafka")
BEFORE = [f"before-{number}" for number in range(30)]
AFTER = [f"after-{number}" for number in range(30)]
MORE = PARTITIONS + 4


def assert_served_once(stage: Stage, worker: RunningWorker, traffic: KnownTraffic) -> None:
    """All of the traffic, which is all that the topic has, is applied, each event once."""
    worker.wait_for(lambda: stage.watermarks() == traffic.ends(), "done with saving")
    stage.assert_states_follow(traffic)


def changes(worker: RunningWorker, change: str) -> float:
    """Partitions that a worker has found changed."""
    return worker.metric("millrace_log_changes_total", change=change)


@pytest.mark.parametrize("each", [1, 8], ids=["shorter", "longer"])
def test_topic_made_anew_while_no_worker_runs_starts_anew(stage: Stage, each: int) -> None:
    worker = stage.start_worker()
    before, after = stage.traffic(), stage.traffic()
    before.clicks(BEFORE, each=4)
    assert_served_once(stage, worker, before)
    assert worker.stop() == 0
    make_anew(stage.kafka, before.topic)
    after.clicks(AFTER, each=each)
    successor = stage.start_worker()
    assert_served_once(stage, successor, after)
    stage.assert_states_follow(before)  # the sessions' history
    assert changes(successor, "recreated") == PARTITIONS
    assert successor.child.log_tail(200).count("the topic was made anew") == 1


def test_topic_made_anew_under_a_running_worker_starts_anew(stage: Stage) -> None:
    worker = stage.start_worker()
    before, after = stage.traffic(), stage.traffic()
    before.clicks(BEFORE, each=4)
    assert_served_once(stage, worker, before)
    make_anew(stage.kafka, before.topic)
    after.clicks(AFTER, each=1)  # at offsets below the old watermarks
    assert_served_once(stage, worker, after)
    after.clicks(AFTER, each=7)
    assert_served_once(stage, worker, after)
    assert changes(worker, "recreated") == PARTITIONS
    worker.wait_until_ready()


def test_log_trimmed_past_the_watermark_goes_on_where_it_begins_and_counts_what_is_lost(
    stage: Stage, lists: EmittedLists
) -> None:
    worker = stage.start_worker()
    before, unread, after = stage.traffic(), stage.traffic(), stage.traffic()
    before.clicks(BEFORE, each=2)
    assert_served_once(stage, worker, before)
    assert worker.stop() == 0
    unread.clicks(BEFORE, each=3)
    trim(stage.kafka, before.topic)
    after.clicks(AFTER, each=2)
    successor = stage.start_worker()
    lists.read_all(after.answers().keys())
    assert_served_once(stage, successor, after)
    stage.assert_states_follow(before)
    assert successor.metric("millrace_missed_events_total") == len(unread.sent)
    assert changes(successor, "trimmed") == len(unread.ends())


def test_partitions_added_under_a_running_worker_wait_for_those_of_the_lists(stage: Stage) -> None:
    worker = stage.start_worker()
    grow(stage.kafka, stage.environment["MILLRACE_EVENT_TOPICS"], MORE)
    traffic = stage.traffic()
    worker.wait_for(lambda: not worker.is_ready(), "not ready")
    assert f"the event topics have {MORE}" in worker.troubles()["topics"]
    for number in range(MORE):
        traffic.click(f"in-{number}", "item-1", partition=number)
    traffic.flush()
    worker.wait_for(lambda: stage.state(f"in-{PARTITIONS - 1}"), "serving the partitions there were")
    assert stage.state(f"in-{MORE - 1}") is None
    grow(stage.kafka, stage.environment["MILLRACE_RECOMMENDATIONS_TOPIC"], MORE)
    worker.wait_for(lambda: stage.state(f"in-{MORE - 1}"), "serving the new ones")
    lists = EmittedLists(
        stage.kafka.bootstrap_servers, stage.environment["MILLRACE_RECOMMENDATIONS_TOPIC"], MORE
    )
    lists.read_all(traffic.answers().keys())
    lists.close()
    stage.assert_states_follow(traffic)
    worker.wait_until_ready()


def test_event_topics_that_grow_one_after_the_other_are_served_when_they_are_equal(
    stage: Stage, prefix: str
) -> None:
    views = stage.environment["MILLRACE_EVENT_TOPICS"]
    carts = stage.kafka.create_topic(f"{prefix}carts", PARTITIONS)
    stage.environment["MILLRACE_EVENT_TOPICS"] = f"{views},{carts}"
    workers = [stage.start_worker(), stage.start_worker()]
    servers = stage.kafka.bootstrap_servers
    first, second = KnownTraffic(servers, views), KnownTraffic(servers, carts)
    grow(stage.kafka, stage.environment["MILLRACE_RECOMMENDATIONS_TOPIC"], MORE)
    grow(stage.kafka, views, MORE)
    for worker in workers:
        wait_for_trouble(worker, "topics", "equal partition counts")
    wait_for_trouble(workers[0], "partitions", "wait")
    for number in range(MORE):
        first.click(f"in-{number}", "item-1", partition=number)
    first.flush()
    grow(stage.kafka, carts, MORE)
    wait_for_items(stage, ["item-1"])
    for number in range(MORE):
        second.click(f"in-{number}", "item-2", partition=number)
    second.flush()
    wait_for_items(stage, ["item-1", "item-2"])


def wait_for_trouble(worker: RunningWorker, part: str, said: str) -> None:
    """Wait until readiness says so."""
    worker.wait_for(lambda: said in worker.troubles().get(part, ""), f"saying {said!r}")


def wait_for_items(stage: Stage, items: list[str]) -> None:
    """Wait until the sessions of all partitions have these items."""

    def served() -> bool:
        states = [stage.state(f"in-{number}") for number in range(MORE)]
        return [list(state.item_ids) if state else [] for state in states] == [items] * MORE

    stage.workers[0].wait_for(served, f"done with {items}")
