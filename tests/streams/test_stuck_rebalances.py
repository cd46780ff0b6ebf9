"""A rebalance while a batch is stuck: it is given up in time, and done by whoever then has its partition."""

from collections.abc import Callable

import pytest
from confluent_kafka import ConsumerGroupState
from confluent_kafka.admin import AdminClient

from retrain.releases.announcing import announce
from schemas.ids import ReleaseId
from tests.services.redis_servers import PrivateRedis
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import KnownTraffic
from tests.streams.stuck_batches import fill_under_a_batch, pause_under_a_batch
from tests.streams.worker_stage import DEADLINE_S, RunningWorker, Stage

SESSIONS = [f"shopper-{number}" for number in range(40)]
REBALANCE_TIMEOUT_S = "8"


def settled_members(stage: Stage) -> set[str]:
    """The ids of the group's members, where each has partitions and no rebalance is under way."""
    admin = AdminClient({"bootstrap.servers": stage.kafka.bootstrap_servers})
    name = stage.environment["MILLRACE_CONSUMER_GROUP"]
    group = admin.describe_consumer_groups([name])[name].result(DEADLINE_S)
    if group.state != ConsumerGroupState.STABLE:
        return set()
    return {member.member_id for member in group.members if member.assignment.topic_partitions}


def start_without_a_release(stage: Stage) -> tuple[RunningWorker, str]:
    """A worker that joins the group once a release is announced; on which topic."""
    topic = stage.kafka.create_topic(f"{stage.environment['MILLRACE_RELEASES_TOPIC']}-of-the-second", 1)
    worker = stage.launch(MILLRACE_RELEASES_TOPIC=topic)
    worker.wait_for(lambda: "waiting for a release" in worker.child.log_tail(), "waiting for a release")
    return worker, topic


def assert_all_is_right(stage: Stage, lists: EmittedLists, traffic: KnownTraffic) -> None:
    """A list for every event, the right one, in order; and the states that follow from the log."""
    answers = traffic.answers()
    lists.read_all(answers.keys())
    assert lists.wrong(answers) == {}
    lists.assert_in_order()
    stage.workers[-1].wait_for(lambda: stage.watermarks() == traffic.ends(), "done with saving")
    stage.assert_states_follow(traffic)


@pytest.mark.usefixtures("apache_kafka")
@pytest.mark.parametrize("stick_a_batch", [pause_under_a_batch, fill_under_a_batch])
def test_stuck_batch_is_given_up_before_kafka_gives_up_its_worker(
    private_stage: Stage,
    private_redis: PrivateRedis,
    lists: EmittedLists,
    stick_a_batch: Callable[[RunningWorker, PrivateRedis, KnownTraffic], None],
) -> None:
    private_stage.environment["MILLRACE_REBALANCE_TIMEOUT_S"] = REBALANCE_TIMEOUT_S
    first, traffic = private_stage.start_worker(), private_stage.traffic()
    traffic.clicks(SESSIONS, each=2)
    lists.read_all(traffic.answers().keys())
    second, releases_topic = start_without_a_release(private_stage)
    (member,) = settled_members(private_stage)
    stick_a_batch(first, private_redis, traffic)
    announce({"bootstrap_servers": private_stage.kafka.bootstrap_servers}, releases_topic, ReleaseId("r1"))
    first.wait_for(lambda: len(settled_members(private_stage)) == 2, "in a group of two")
    assert member in settled_members(private_stage), "Kafka has expelled the first worker"
    assert "batches in flight given up" in first.child.log_tail()
    private_redis.resume()
    private_redis.configure("maxmemory", 0)
    traffic.clicks(SESSIONS, each=2)
    assert_all_is_right(private_stage, lists, traffic)
    for worker in (first, second):
        worker.wait_until_ready()
        assert worker.metric("millrace_dead_letters_total") == 0
