"""A stage for running workers: topics, a release with known answers, settings, `millrace worker` children.

Made by the fixture `stage`. Owns what a test says to a worker from outside: signals, HTTP, Redis keys; it
knows nothing of a worker's inside.
"""

import json
import signal
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from confluent_kafka import Consumer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from retrain.releases.announcing import announce
from schemas.ids import ReleaseId, SessionId
from schemas.redis_keys import bucket_of, latest_key, state_key, watermark_key
from schemas.session_state import SessionState, decode_session_state
from schemas.watermark import read_watermark
from streams.dev.child_processes import Child, ChildProcesses, answers_ok
from streams.dev.ports import free_port
from tests.services.kafka_broker import Kafka, Topics
from tests.streams.emitted_lists import EmittedLists
from tests.streams.known_traffic import ITEMS, KnownTraffic
from tests.streams.redis_kinds import client_to_look_in
from tests.successor_release import write_successor_release

DEADLINE_S = 60.0
PATIENCE_S = 30.0
"""With one answer of a process that may not get the processor for a while."""
PARTITIONS = 8


class RunningWorker:
    """One `millrace worker` and its HTTP port."""

    def __init__(self, child: Child, url: str) -> None:
        self.child = child
        self.url = url

    def wait_until_ready(self) -> None:
        """Wait for readiness."""
        self.child.wait_until_ready(self.url, DEADLINE_S)

    def wait_for(self, condition: Callable[[], object], what: str) -> None:
        """Wait on a condition while the worker runs."""
        self.child.wait_until(lambda: bool(condition()), DEADLINE_S, what)

    def is_ready(self) -> bool:
        """Whether it says so now."""
        return answers_ok(f"{self.url}/readyz", PATIENCE_S)

    def troubles(self) -> dict[str, str]:
        """What `/readyz` says is wrong."""
        return dict(json.loads(self._get("/readyz"))["troubles"])

    def metric(self, name: str, **labels: str) -> float:
        """The sum of a metric's samples that have these labels; 0 where there is none."""
        return sum(
            sample.value
            for family in text_string_to_metric_families(self._get("/metrics"))
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        )

    def stop(self) -> int:
        """SIGTERM; its exit code."""
        self.child.send_signal(signal.SIGTERM)
        return self.child.wait(DEADLINE_S)

    def _get(self, path: str) -> str:
        try:
            with _direct.open(self.url + path, timeout=PATIENCE_S) as response:
                return str(response.read().decode())
        except urllib.error.HTTPError as error:
            with error:
                return error.read().decode()


@dataclass
class Stage:
    """One test's topics, Redis, releases and settings."""

    kafka: Kafka
    children: ChildProcesses
    releases: Path
    environment: dict[str, str]
    workers: list[RunningWorker] = field(default_factory=list)

    def publish(self, release_id: str, items: list[str] = ITEMS) -> ReleaseId:
        """Write a release and announce it."""
        release = write_successor_release(self.releases, release_id, items)
        self.announce(release)
        return release

    def announce(self, release_id: ReleaseId) -> None:
        """Announce a release that is there already."""
        kafka = {"bootstrap_servers": self.kafka.bootstrap_servers}
        announce(kafka, self.environment["MILLRACE_RELEASES_TOPIC"], release_id)

    def launch(self, **settings: str) -> RunningWorker:
        """Start a worker with some settings of its own; it is not ready yet."""
        port = free_port()
        environment = {**self.environment, **settings, "MILLRACE_WORKER_PORT": str(port)}
        child = self.children.start_millrace("worker", env=environment)
        worker = RunningWorker(child, f"http://127.0.0.1:{port}")
        self.workers.append(worker)
        return worker

    def start_worker(self, **settings: str) -> RunningWorker:
        """Start a worker and wait until it is ready."""
        worker = self.launch(**settings)
        worker.wait_until_ready()
        return worker

    def start_lookup(self) -> str:
        """Start a lookup and wait until it is ready; its URL."""
        port = free_port()
        child = self.children.start_millrace(
            "lookup", env={**self.environment, "MILLRACE_LOOKUP_PORT": str(port)}
        )
        child.wait_until_ready(f"http://127.0.0.1:{port}", DEADLINE_S)
        return f"http://127.0.0.1:{port}"

    def traffic(self) -> KnownTraffic:
        """A producer of events."""
        return KnownTraffic(self.kafka.bootstrap_servers, self.environment["MILLRACE_EVENT_TOPICS"])

    def lists(self) -> EmittedLists:
        """A reader of the lists; close it."""
        return EmittedLists(
            self.kafka.bootstrap_servers, self.environment["MILLRACE_RECOMMENDATIONS_TOPIC"], PARTITIONS
        )

    def redis(self) -> "Redis":
        """A client of the stage's Redis; close it."""
        return client_to_look_in(self.environment["MILLRACE_REDIS_URL"])

    def state(self, session_id: str) -> SessionState | None:
        """What Redis holds of a session."""
        value = self._stored(state_key(self._bucket(session_id), SessionId(session_id)))
        return None if value is None else decode_session_state(value)

    def latest(self, session_id: str) -> bytes | None:
        """The latest list that Redis holds of a session."""
        return self._stored(latest_key(self._bucket(session_id), SessionId(session_id)))

    def watermarks(self) -> dict[int, int]:
        """By partition that has events behind it, the watermark in Redis: the lowest of its buckets."""
        topic, buckets = self.environment["MILLRACE_EVENT_TOPICS"], range(self._buckets)
        with self.redis() as client:
            stored = {
                number: [client.get(watermark_key(bucket, topic, number)) for bucket in buckets]
                for number in range(PARTITIONS)
            }
        lowest = {
            number: min(read_watermark(value)[0] if isinstance(value, bytes) else 0 for value in values)
            for number, values in stored.items()
        }
        return {number: offset for number, offset in lowest.items() if offset}

    def committed(self) -> dict[int, int]:
        """By partition, the offset that the worker's group has committed."""
        consumer = Consumer(
            {
                "bootstrap.servers": self.kafka.bootstrap_servers,
                "group.id": self.environment["MILLRACE_CONSUMER_GROUP"],
            }
        )
        topic = self.environment["MILLRACE_EVENT_TOPICS"]
        try:
            found = consumer.committed(
                [TopicPartition(topic, number) for number in range(PARTITIONS)], timeout=30
            )
        finally:
            consumer.close()
        return {one.partition: one.offset for one in found if one.offset >= 0}

    def assert_states_follow(self, traffic: KnownTraffic) -> None:
        """Each session's item list in Redis is the tail of its clicks, in order, none twice."""
        for session_id, history in traffic.histories().items():
            state = self.state(session_id)
            assert state is not None, session_id
            assert list(state.item_ids) == history[-50:], session_id

    def _bucket(self, session_id: str) -> int:
        return bucket_of(SessionId(session_id), self._buckets)

    @property
    def _buckets(self) -> int:
        return int(self.environment["MILLRACE_REDIS_BUCKETS"])

    def _stored(self, key: str) -> bytes | None:
        with self.redis() as client:
            value = client.get(key)
        assert value is None or isinstance(value, bytes)
        return value


def make_stage(kafka: Kafka, redis_url: str, prefix: str, children: ChildProcesses, releases: Path) -> Stage:
    """Create the topics and write the settings that lead to them."""
    topics: Topics = {
        "events": (PARTITIONS, {}),
        "recommendations": (PARTITIONS, {}),
        "dead-letter": (1, {"max.message.bytes": "10000000"}),
        "items": (1, {}),
        "releases": (1, {}),
        "side-indexes": (1, {}),
    }
    names = {name: prefix + name for name in topics}
    kafka.create_topics({names[name]: topic for name, topic in topics.items()})
    environment = {
        "MILLRACE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "MILLRACE_REDIS_URL": redis_url,
        "MILLRACE_REDIS_BUCKETS": "1",
        "MILLRACE_EVENT_TOPICS": names["events"],
        "MILLRACE_RECOMMENDATIONS_TOPIC": names["recommendations"],
        "MILLRACE_DEAD_LETTER_TOPIC": names["dead-letter"],
        "MILLRACE_ITEMS_TOPIC": names["items"],
        "MILLRACE_RELEASES_TOPIC": names["releases"],
        "MILLRACE_SIDE_INDEX_TOPIC": names["side-indexes"],
        "MILLRACE_RELEASES": str(releases),
        "MILLRACE_CONSUMER_GROUP": prefix + "group",
        "MILLRACE_SESSION_TIMEOUT_S": "3",
        "MILLRACE_K": str(len(ITEMS)),
        "OMP_NUM_THREADS": "1",
    }
    return Stage(kafka, children, releases, environment)


_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy before loopback
