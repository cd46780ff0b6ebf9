"""`millrace lookup` as a process, between a real Kafka and a real Redis."""

import asyncio
import re
import signal
import socket
import urllib.request
from datetime import UTC, datetime
from pathlib import Path
from urllib.error import HTTPError

import numpy as np
import pytest
from redis import Redis

from retrain.releases.announcing import announce
from retrain.side_index.side_index_announcing import open_topic
from schemas.ids import ReleaseId
from schemas.redis_keys import ITEMS_VERSION, UNAVAILABLE_ITEMS
from streams.dev.child_processes import Child, ChildProcesses, answers_ok
from streams.dev.ports import free_port
from tests.release_builder import write_release_tables
from tests.services.kafka_broker import Kafka
from tests.services.redis_servers import PrivateRedis
from tests.side_index_builder import some_side_items, write_side_index

START_S = 60.0


@pytest.fixture
def environment(kafka: Kafka, redis_url: str, prefix: str, tmp_path: Path) -> dict[str, str]:
    write_release_tables(tmp_path / "releases", "r1", ["a", "b", "c"])
    write_release_tables(tmp_path / "releases", "r2", ["b", "c", "d"])
    return {
        "MILLRACE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "MILLRACE_REDIS_URL": redis_url,
        "MILLRACE_RELEASES": str(tmp_path / "releases"),
        "MILLRACE_RELEASES_TOPIC": kafka.create_topic(f"{prefix}releases", partitions=1),
        "MILLRACE_SIDE_INDEX_TOPIC": kafka.create_topic(f"{prefix}side-indexes", partitions=1),
        "MILLRACE_LOOKUP_PORT": "0",
    }


def promote(environment: dict[str, str], release_id: str) -> None:
    kafka = {"bootstrap_servers": environment["MILLRACE_KAFKA_BOOTSTRAP_SERVERS"]}
    announce(kafka, environment["MILLRACE_RELEASES_TOPIC"], release_id)  # type: ignore[arg-type]  # a plain string


def url_of(child: Child) -> str:
    found: list[str] = []

    def printed() -> bool:
        found.extend(re.findall(r"lookup: (http://\S+)", child.log_path.read_text()))
        return bool(found)

    child.wait_until(printed, START_S, "listening")
    return found[0]


def text_of(url: str) -> str:
    with urllib.request.urlopen(url, timeout=30) as response:  # noqa: S310  # our own address
        return str(response.read().decode())


def test_release_and_catalogue_are_followed_and_sigterm_exits_cleanly(
    environment: dict[str, str], children: ChildProcesses
) -> None:
    lookup = children.start_millrace("lookup", env=environment)
    url = url_of(lookup)
    lookup.wait_until(lambda: answers_ok(f"{url}/healthz"), START_S)
    assert not answers_ok(f"{url}/readyz")
    promote(environment, "r1")
    lookup.wait_until_ready(url, START_S)
    assert '"release_id":"r1"' in text_of(f"{url}/popular")
    promote(environment, "r2")
    lookup.wait_until(lambda: '"release_id":"r2"' in text_of(f"{url}/popular"), START_S)
    redis = Redis.from_url(environment["MILLRACE_REDIS_URL"])
    redis.sadd(UNAVAILABLE_ITEMS, "b")
    redis.incr(ITEMS_VERSION)
    lookup.wait_until(lambda: '"b"' not in text_of(f"{url}/popular"), START_S)
    redis.close()
    lookup.send_signal(signal.SIGTERM)
    assert lookup.wait(START_S) == 0, lookup.log_tail()


async def announce_side_index(environment: dict[str, str], version: int, vectors: list[list[float]]) -> None:
    """Publish new items n0, n1, … of r1."""
    items = some_side_items(np.array(vectors, dtype=np.float32))
    release_id = ReleaseId("r1")
    write_side_index(Path(environment["MILLRACE_RELEASES"]), release_id, version, items)
    kafka = {"bootstrap_servers": environment["MILLRACE_KAFKA_BOOTSTRAP_SERVERS"]}
    async with open_topic(kafka, environment["MILLRACE_SIDE_INDEX_TOPIC"]) as topic:
        await topic.announce(release_id, version, len(items), datetime.now(UTC))


def test_new_items_of_the_running_release_are_followed(
    environment: dict[str, str], children: ChildProcesses
) -> None:
    promote(environment, "r1")
    asyncio.run(announce_side_index(environment, 3, [[1, 0, 0, 0]]))
    lookup = children.start_millrace("lookup", env=environment)
    url = url_of(lookup)
    lookup.wait_until_ready(url, START_S)
    lookup.wait_until(lambda: '"n0"' in text_of(f"{url}/popular"), START_S)
    assert '"side_index_version":3' in text_of(f"{url}/popular")
    asyncio.run(announce_side_index(environment, 4, [[1, 0, 0, 0], [0, 1, 0, 0]]))
    lookup.wait_until(lambda: '"n1"' in text_of(f"{url}/popular"), START_S)
    assert "millrace_lookup_side_index_version 4.0" in text_of(f"{url}/metrics")
    promote(environment, "r2")
    lookup.wait_until(lambda: '"side_index_version":null' in text_of(f"{url}/popular"), START_S)
    lookup.send_signal(signal.SIGTERM)
    assert lookup.wait(START_S) == 0, lookup.log_tail()


def test_redis_that_comes_back_is_used_again(
    environment: dict[str, str], private_redis: PrivateRedis, children: ChildProcesses
) -> None:
    promote(environment, "r1")
    lookup = children.start_millrace("lookup", env={**environment, "MILLRACE_REDIS_URL": private_redis.url})
    url = url_of(lookup)
    lookup.wait_until_ready(url, START_S)
    private_redis.kill()
    lookup.wait_until(lambda: not answers_ok(f"{url}/readyz"), START_S)
    assert answers_ok(f"{url}/popular", timeout_s=30)
    private_redis.start()
    lookup.wait_until_ready(url, START_S)
    private_redis.pause()
    with pytest.raises(HTTPError) as refused:
        text_of(f"{url}/sessions/s1/recommendations")
    refused.value.close()
    assert (refused.value.code, refused.value.headers["retry-after"]) == (503, "1")
    private_redis.resume()
    lookup.wait_until_ready(url, START_S)


def test_port_in_use_gives_one_line_and_exit_code_2(
    environment: dict[str, str], children: ChildProcesses
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        lookup = children.start_millrace("lookup", "--port", str(port), env=environment)
        assert lookup.wait(START_S) == 2
    log = lookup.log_path.read_text().splitlines()
    assert len(log) == 1
    assert log[0].startswith(f"millrace: cannot listen on 127.0.0.1:{port} (Address already in use")
    assert "--port" in log[0]


@pytest.mark.parametrize(
    ("variable", "address", "said"),
    [
        ("MILLRACE_REDIS_URL", "redis://{}/0", "MILLRACE_REDIS_URL"),
        (
            "MILLRACE_KAFKA_BOOTSTRAP_SERVERS",
            "{}",
            "Kafka at {} cannot be reached; start it, or set MILLRACE_KAFKA_BOOTSTRAP_SERVERS",
        ),
    ],
)
def test_service_away_at_the_start_gives_one_line_and_exit_code_2(
    variable: str, address: str, said: str, environment: dict[str, str], children: ChildProcesses
) -> None:
    away = f"127.0.0.1:{free_port()}"
    lookup = children.start_millrace("lookup", env={**environment, variable: address.format(away)})
    assert lookup.wait(START_S) == 2
    (line,) = lookup.log_path.read_text().splitlines()
    assert line.startswith("millrace: ")
    assert said.format(away) in line
    assert away in line


def test_unknown_store_of_releases_gives_one_line_and_exit_code_2(
    environment: dict[str, str], children: ChildProcesses
) -> None:
    promote(environment, "r1")
    lookup = children.start_millrace("lookup", env={**environment, "MILLRACE_RELEASES": "nope://bucket"})
    assert lookup.wait(START_S) == 2
    assert lookup.log_tail(1).startswith("millrace: MILLRACE_RELEASES=nope://bucket: ")
