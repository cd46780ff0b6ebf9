"""A stage for the retrain process: `millrace retrain` as a child, on topics and a Redis of the test's own."""

import contextlib
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
from confluent_kafka import Producer

from retrain.cycle.retrain_redis import open_retrain_redis
from retrain.cycle.status_board import Board, read_board
from retrain.cycle.work_folder import WorkFolder
from retrain.settings import RetrainSettings
from schemas.cycle_status import CycleSummary
from schemas.retrain_request import RetrainRequest, encode_retrain_request
from schemas.settings import read_settings
from streams.dev.child_processes import Child, ChildProcesses
from streams.dev.ports import free_port
from tests.retrain.planted_sessions import ring_events

_direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy before loopback
START_S = 120.0
PARTITIONS = 2


@dataclass(frozen=True)
class RetrainStage:
    children: ChildProcesses
    environment: dict[str, str]
    port: int

    def settings(self) -> RetrainSettings:
        names = {name.removeprefix("MILLRACE_").lower(): value for name, value in self.environment.items()}
        return read_settings(RetrainSettings, **names)

    @property
    def redis(self) -> Any:
        return open_retrain_redis(self.settings())

    def work_folder(self) -> WorkFolder:
        return WorkFolder(self.settings().retrain_work)

    def board(self) -> Board:
        return read_board(self.redis)

    def produce(self, topic: str, *values: bytes) -> None:
        producer = Producer({"bootstrap.servers": self.environment["MILLRACE_KAFKA_BOOTSTRAP_SERVERS"]})
        for value in values:
            producer.produce(topic, value)
        assert producer.flush(30) == 0

    def produce_events(self, sessions: int = 60, seed: int = 3) -> int:
        """Events into the topic; how many."""
        events = ring_events(sessions=sessions, noise=0, seed=seed)
        rows = events.rename({"occurred_at_ms": "occurred_at"}).with_columns(
            session_id=pl.format("{}-{}", pl.lit(seed), "session_id")
        )
        self.produce(
            self.environment["MILLRACE_EVENT_TOPICS"], *map(msgspec.json.encode, rows.iter_rows(named=True))
        )
        return len(rows)

    def ask(self, *requests: RetrainRequest) -> None:
        topic = self.environment["MILLRACE_RETRAIN_REQUESTS_TOPIC"]
        self.produce(topic, *map(encode_retrain_request, requests))

    def start(self, schedule: str = "", **settings: str) -> Child:
        """The process, once it serves."""
        child = self.children.start_millrace(
            "retrain", "--schedule", schedule, env={**self.environment, **settings}
        )
        child.wait_until(lambda: self.page("/healthz") is not None, START_S, "serving")
        return child

    def page(self, path: str) -> str | None:
        with contextlib.suppress(OSError), _direct.open(f"http://127.0.0.1:{self.port}{path}") as answer:
            text: str = answer.read().decode()
            return text
        return None

    def metric(self, line: str) -> float:
        """The value of a metric with its labels; 0 where it is not there yet."""
        found = [one for one in (self.page("/metrics") or "").splitlines() if one.startswith(f"{line} ")]
        return float(found[0].rpartition(" ")[2]) if found else 0.0

    def wait_for_cycles(self, child: Child, number: int) -> list[CycleSummary]:
        """The cycles that are over, the oldest first, once they are so many."""
        child.wait_until(lambda: len(self.board().history) >= number, START_S, f"done with {number} cycles")
        return self.board().history[::-1]

    def wait_for(self, child: Child, condition: Callable[[], bool], what: str) -> None:
        child.wait_until(condition, START_S, what)


def retrain_stage(
    kafka: Any, redis_url: str, prefix: str, children: ChildProcesses, folder: Path
) -> RetrainStage:
    """Topics, a small model, settings without waits, and a gate that lets what it learns pass."""
    config = folder / "small.json"
    config.write_text(
        '{"hidden_size": 16, "epochs": 3, "min_steps": 200, "batch_size": 16, "n_negatives": 8}'
    )
    port = free_port()
    counts = {"events": PARTITIONS, "releases": 1, "retrain-requests": 1}
    names = {name: prefix + name for name in counts}
    kafka.create_topics({names[name]: (count, {}) for name, count in counts.items()})
    environment = {
        "MILLRACE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "MILLRACE_REDIS_URL": redis_url,
        "MILLRACE_EVENT_TOPICS": names["events"],
        "MILLRACE_RELEASES_TOPIC": names["releases"],
        "MILLRACE_RETRAIN_REQUESTS_TOPIC": names["retrain-requests"],
        "MILLRACE_RETRAIN_GROUP": f"{prefix}retrain",
        "MILLRACE_RELEASES": str(folder / "releases"),
        "MILLRACE_RUNS": str(folder / "runs"),
        "MILLRACE_RETRAIN_CONFIG": str(config),
        "MILLRACE_RETRAIN_WORK": str(folder / "work"),
        "MILLRACE_RETRAIN_LOCK_TTL_S": "6",
        "MILLRACE_RETRAIN_COOLDOWN_S": "0",
        "MILLRACE_RETRAIN_BACKOFF_S": "0.5",
        "MILLRACE_RETRAIN_POLL_S": "0.5",
        "MILLRACE_RETRAIN_PORT": str(port),
        "MILLRACE_GATE_MIN_PREDICTIONS": "1",
        **dict.fromkeys(("MILLRACE_GATE_RECALL_LOSS", "MILLRACE_GATE_MRR_LOSS"), "1"),
        "MILLRACE_GATE_POPULARITY_FACTOR": "1",
        "MILLRACE_GATE_SAME_LISTS": "1",
        **dict.fromkeys(
            (
                "MILLRACE_GATE_STEP_US",
                "MILLRACE_GATE_BATCH_STEP_US",
                "MILLRACE_GATE_SEARCH_US",
                "MILLRACE_GATE_BATCH_SEARCH_US",
            ),
            "1e9",
        ),
    }
    return RetrainStage(children, environment, port)
