"""Worker and lookup on a Redis Cluster of three nodes, some of which die."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from schemas.errors import Unavailable
from schemas.redis_keys import bucket_of
from schemas.settings import SharedSettings
from streams.dev.child_processes import ChildProcesses
from streams.redis_clients import available, open_redis
from tests.services.redis_cluster import MASTERS, ClusterNode, RedisCluster, running_redis_cluster
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import KnownTraffic
from tests.streams.looking_up import looked_up
from tests.streams.worker_stage import RunningWorker, Stage

BUCKETS = 48
SESSIONS = [f"shopper-{number}" for number in range(120)]
RATE = 200.0
KEY = "millrace:{3}:state:a"
StageOn = Callable[..., Stage]


@pytest.fixture
def replicated_cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    """A Cluster of this test's own whose masters have replicas."""
    (tmp_path / "cluster").mkdir()
    with running_redis_cluster(tmp_path / "cluster", replicated=True) as running:
        yield running


@pytest.fixture
def forgetful_cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    """A Cluster of this test's own without replicas, whose nodes come back empty."""
    (tmp_path / "cluster").mkdir()
    with running_redis_cluster(tmp_path / "cluster") as running:
        yield running


@pytest.fixture
def durable_cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    """A Cluster of this test's own without replicas, whose nodes come back with what they had."""
    (tmp_path / "cluster").mkdir()
    more = {"--appendonly": "yes", "--appendfsync": "always"}
    with running_redis_cluster(tmp_path / "cluster", more=more) as running:
        yield running


def served(worker: RunningWorker) -> float:
    """Events that a worker has served."""
    return worker.metric("millrace_events_total")


def assert_all_is_right(stage: Stage, lists: EmittedLists, traffic: KnownTraffic) -> None:
    """A list for every event, the right one; and the states that follow from the log."""
    answers = traffic.answers()
    lists.read_all(answers.keys())
    assert lists.wrong(answers) == {}
    stage.workers[-1].wait_for(lambda: stage.watermarks() == traffic.ends(), "done with saving")
    stage.assert_states_follow(traffic)
    lists.assert_in_order()


def test_states_and_watermarks_lie_on_every_node(stage_on: StageOn, redis_cluster: RedisCluster) -> None:
    stage = stage_on(redis_cluster.url, MILLRACE_REDIS_BUCKETS=str(BUCKETS))
    stage.start_worker()
    traffic = stage.traffic()
    traffic.clicks(SESSIONS, each=5)
    with closing(stage.lists()) as lists:
        assert_all_is_right(stage, lists, traffic)
    assert len({bucket_of(session, BUCKETS) for session in traffic.histories()}) > MASTERS
    for keys in redis_cluster.keys_by_node().values():
        for kind in ("state", "latest", "watermark"):
            assert any(f":{kind}:" in key for key in keys), kind


def test_replica_that_takes_over_is_waited_for(stage_on: StageOn, replicated_cluster: RedisCluster) -> None:
    stage = stage_on(replicated_cluster.url, MILLRACE_REDIS_BUCKETS=str(BUCKETS))
    worker, traffic = stage.start_worker(), stage.traffic()
    with closing(stage.lists()) as lists:
        with traffic.load(SESSIONS, RATE):
            worker.wait_for(lambda: served(worker) > RATE, "serving")
            replicated_cluster.masters[0].kill()
            worker.wait_for(lambda: "Redis" in worker.troubles().get("redis", ""), "not ready")
            worker.wait_until_ready()
            before = served(worker)
            worker.wait_for(lambda: served(worker) > before + RATE, "serving again")
        assert_all_is_right(stage, lists, traffic)
    assert replicated_cluster.replicas[0].port in replicated_cluster.keys_by_node()


def test_node_that_comes_back_is_waited_for(stage_on: StageOn, durable_cluster: RedisCluster) -> None:
    stage = stage_on(durable_cluster.url, MILLRACE_REDIS_BUCKETS=str(BUCKETS))
    worker, traffic = stage.start_worker(), stage.traffic()
    with closing(stage.lists()) as lists:
        with traffic.load(SESSIONS, RATE):
            worker.wait_for(lambda: served(worker) > RATE, "serving")
            durable_cluster.masters[1].kill()
            worker.wait_for(lambda: not worker.is_ready(), "not ready")
            durable_cluster.masters[1].start()
            worker.wait_until_ready()
            before = served(worker)
            worker.wait_for(lambda: served(worker) > before + RATE, "serving again")
        assert_all_is_right(stage, lists, traffic)


def test_sessions_of_a_node_that_comes_back_empty_are_refilled(
    stage_on: StageOn, forgetful_cluster: RedisCluster
) -> None:
    stage = stage_on(forgetful_cluster.url, MILLRACE_REDIS_BUCKETS=str(BUCKETS))
    worker, traffic = stage.start_worker(), stage.traffic()
    with closing(stage.lists()) as lists:
        with traffic.load(SESSIONS, RATE):
            worker.wait_for(lambda: served(worker) > 2 * RATE, "serving")
            forgetful_cluster.masters[1].kill()
            worker.wait_for(lambda: not worker.is_ready(), "not ready")
            forgetful_cluster.masters[1].start()
            worker.wait_until_ready()
            before = served(worker)
            worker.wait_for(lambda: served(worker) > before + RATE, "serving again")
        assert_all_is_right(stage, lists, traffic)
    assert worker.metric("millrace_redis_empty_total") >= 1


def test_lookup_reads_from_every_node_and_says_which_it_cannot(
    stage_on: StageOn, durable_cluster: RedisCluster
) -> None:
    stage = stage_on(durable_cluster.url, MILLRACE_REDIS_BUCKETS=str(BUCKETS))
    worker, traffic = stage.start_worker(), stage.traffic()
    traffic.clicks(SESSIONS, each=1)
    worker.wait_for(lambda: stage.watermarks() == traffic.ends(), "done with saving")
    lookup = stage.start_lookup()
    last = {str(session): str(one) for session, one in traffic.last_ids().items()}
    assert {session: looked_up(lookup, session) for session in SESSIONS} == last
    durable_cluster.masters[2].kill()
    found = {session: looked_up(lookup, session) for session in SESSIONS}
    assert 503 in found.values()
    durable_cluster.masters[2].start()
    durable_cluster.wait_until_whole()
    worker.wait_for(lambda: all(looked_up(lookup, one) == last[one] for one in SESSIONS), "whole again")


async def test_moved_slot_is_found_at_its_new_node(redis_cluster: RedisCluster) -> None:
    client = open_redis(SharedSettings(redis_url=redis_cluster.url))
    await client.set(KEY, "there")
    owner = next(node for node in redis_cluster.masters if KEY in node.ask("KEYS", "*"))
    heir = next(node for node in redis_cluster.masters if node is not owner)
    owner.ask("DEL", KEY)
    redis_cluster.give_slot(KEY, heir)
    await available(client.set(KEY, "here"))
    assert await available(client.get(KEY)) == b"here"
    assert KEY in heir.ask("KEYS", "*")
    heir.ask("DEL", KEY)
    redis_cluster.give_slot(KEY, owner)
    await client.aclose()


async def test_slot_that_no_node_serves_is_told_without_its_key(
    children: ChildProcesses, tmp_path: Path
) -> None:
    node = ClusterNode(children, tmp_path / "node", {})
    client = open_redis(SharedSettings(redis_url=f"redis+cluster://127.0.0.1:{node.port}"))
    with pytest.raises(Unavailable, match=r"no node of the Cluster serves slot \d+$"):
        await available(client.get(KEY))
    await client.aclose()


async def test_one_redis_is_no_cluster(redis_url: str) -> None:
    without_database = redis_url.replace("redis://", "redis+cluster://").rpartition("/")[0]
    cluster = open_redis(SharedSettings(redis_url=without_database))
    with pytest.raises(Unavailable, match=r"is no node of a Cluster; give redis:// in MILLRACE_REDIS_URL"):
        await available(cluster.get("key"))
    await cluster.aclose()


async def test_cluster_behind_a_single_address_is_told(redis_cluster: RedisCluster) -> None:
    one = open_redis(SharedSettings(redis_url=f"redis://127.0.0.1:{redis_cluster.masters[0].port}"))

    asked = [available(one.get(f"{{{number}}}")) for number in range(10 * MASTERS)]
    answers = await asyncio.gather(*asked, return_exceptions=True)  # all done before the client is closed
    await one.aclose()
    refused = [answer for answer in answers if isinstance(answer, Unavailable)]
    assert refused
    assert all("give redis+cluster:// in MILLRACE_REDIS_URL" in str(answer) for answer in refused)
