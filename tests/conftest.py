"""What every test may ask for: a real Kafka, a real Redis, names of its own; and how hypothesis runs.

Kafka and Redis start once per run, when the first test asks for them, and end with it.
"""

import os
import re
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from schemas.errors import UsageError
from streams.dev.child_processes import ChildProcesses
from tests.services.kafka_broker import Kafka, running_kafka
from tests.services.kafka_choice import Machine, choose_kafka, look_around
from tests.services.redis_cluster import RedisCluster, running_redis_cluster
from tests.services.redis_servers import PrivateRedis, RedisServer, running_redis

NAME_LENGTH = 40

# Before any test module is imported: what `@settings` leaves out, it takes from the profile of that moment.
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("searching", UNHURRIED)
settings.register_profile("steady", UNHURRIED, derandomize=True)
settings.load_profile("steady")


@pytest.fixture(scope="session")
def machine() -> Machine:
    """What this machine can run services with."""
    return look_around()


@pytest.fixture(scope="session")
def kafka(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kafka]:
    """The Kafka of this run."""
    try:
        kind = choose_kafka(os.environ, machine)
    except UsageError as error:
        raise pytest.fail.Exception(str(error), pytrace=False) from None
    with running_kafka(kind, machine, tmp_path_factory.mktemp("kafka")) as running:
        yield running


@pytest.fixture
def apache_kafka(kafka: Kafka) -> None:
    """For tests of what the broker in memory lacks: finding offsets by time, making topics."""
    if kafka.kind == "embedded":
        pytest.skip("the broker in memory cannot do this")


@pytest.fixture(scope="session")
def redis_server(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    """The Redis of this run; a test takes `redis_url`."""
    with running_redis(machine.docker, tmp_path_factory.mktemp("redis")) as running:
        yield running


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """A Redis database of this test's own, empty."""
    return redis_server.fresh_database()


@pytest.fixture(scope="session")
def shared_redis_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisCluster]:
    """The Redis Cluster of this run; a test takes `redis_cluster`."""
    with running_redis_cluster(tmp_path_factory.mktemp("redis-cluster")) as running:
        yield running


@pytest.fixture
def redis_cluster(shared_redis_cluster: RedisCluster) -> RedisCluster:
    """A Redis Cluster of three nodes, empty; no test breaks it."""
    shared_redis_cluster.empty()
    return shared_redis_cluster


@pytest.fixture
def private_redis(tmp_path: Path) -> Iterator[PrivateRedis]:
    """A Redis server of this test's own, to stop, pause, kill and set back."""
    folder = tmp_path / "private-redis"
    folder.mkdir()
    with ChildProcesses(folder) as children:
        yield PrivateRedis(children, folder)


@pytest.fixture
def children(tmp_path: Path) -> Iterator[ChildProcesses]:
    """Starts child processes, `millrace` for one, that end with the test; logs in its temporary folder."""
    folder = tmp_path / "logs"
    folder.mkdir()
    with ChildProcesses(folder) as running:
        yield running


@pytest.fixture
def prefix(request: pytest.FixtureRequest) -> str:
    """What this test puts before the names of its topics and sessions, so that no other test meets them."""
    test = re.sub(r"[^a-zA-Z0-9]+", "-", request.node.name).strip("-")[:NAME_LENGTH]
    return f"{test}-{uuid.uuid4().hex[:8]}."
