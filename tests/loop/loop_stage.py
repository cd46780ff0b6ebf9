"""A stage for the whole loop: events on a topic, a real worker behind it, and cycles that learn from it.

Cycles run in this process, so that a test can act between two steps; `command` runs what one would type.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import polars as pl
from confluent_kafka import Producer

from models.model_config import ModelConfig
from retrain.cycle.cycle_display import NoDisplay
from retrain.cycle.cycle_opening import CyclePlan
from retrain.cycle.cycle_parts import CycleClock
from retrain.cycle.retrain_once import CycleTools, retrain_once
from retrain.cycle.retrain_redis import open_retrain_redis
from retrain.cycle.status_board import Board, read_board
from retrain.cycle.window_reading import topic_window
from retrain.releases.announcing import read_announcements
from retrain.settings import RetrainSettings
from schemas.cycle_status import CycleSummary
from schemas.ids import ReleaseId
from schemas.redis_keys import WORKERS
from schemas.release_announcement import ReleaseAnnouncement
from schemas.settings import read_settings
from schemas.worker_heartbeat import WorkerHeartbeat, encode_worker_heartbeat
from streams.dev.child_processes import Child
from tests.retrain.planted_sessions import ring_events
from tests.streams.heartbeats import beats
from tests.streams.worker_stage import RunningWorker, Stage

CONFIG = ModelConfig(hidden_size=16, epochs=3, min_steps=150, batch_size=16, n_negatives=8)
UNTRAINED = ModelConfig(hidden_size=2, epochs=1, min_steps=0, batch_size=64, learning_rate=1e-6)
SESSIONS = 150
NO_BUDGET = "1e9"


class LoopStage(Stage):
    """A stage of a worker whose releases are made by cycles."""

    def settings(self) -> RetrainSettings:
        """What cycles read."""
        known = RetrainSettings.model_fields
        names = {name.removeprefix("MILLRACE_").lower(): value for name, value in self.environment.items()}
        return read_settings(RetrainSettings, **{name: names[name] for name in names if name in known})

    def produce(self, seed: int, sessions: int = SESSIONS) -> int:
        """Planted sessions into the event topic, each session one after the other; how many events."""
        rows = planted(seed, sessions).rename({"occurred_at_ms": "occurred_at"})
        producer = Producer({"bootstrap.servers": self.kafka.bootstrap_servers})
        for row in rows.iter_rows(named=True):
            key = row["session_id"].encode()
            producer.produce(self.environment["MILLRACE_EVENT_TOPICS"], msgspec.json.encode(row), key)
            producer.poll(0)
        assert producer.flush(30) == 0
        return len(rows)

    def cycle(
        self,
        config: ModelConfig = CONFIG,
        from_scratch: bool = False,
        reached: Callable[[str], None] = lambda _: None,
        clock: CycleClock | None = None,
    ) -> CycleSummary:
        """A cycle, or the rest of one, in this process."""
        settings, said = self.settings(), list[str]()
        window = topic_window(settings, None, said.append, NoDisplay().judging)
        plan = CyclePlan("test", config, window.source, from_scratch=from_scratch)
        tools = CycleTools(NoDisplay(), said.append, clock=clock or CycleClock(), reached=reached)
        redis = open_retrain_redis(settings)
        try:
            return retrain_once(settings, plan, window.read, redis, tools)
        finally:
            redis.close()

    def command(self, *arguments: str, **settings: str) -> Child:
        """A `millrace` command as a child."""
        return self.children.start_millrace(*arguments, env={**self.environment, **settings})

    def board(self) -> Board:
        """What `millrace retrain status` reads."""
        redis = open_retrain_redis(self.settings())
        try:
            return read_board(redis)
        finally:
            redis.close()

    def announced(self) -> list[ReleaseAnnouncement]:
        """All announcements, in log order."""
        kafka = {"bootstrap_servers": self.kafka.bootstrap_servers}
        topic = self.environment["MILLRACE_RELEASES_TOPIC"]
        return [one.announcement for one in read_announcements(kafka, topic)]

    def heartbeat(self) -> WorkerHeartbeat:
        """That of the only worker."""
        (one,) = beats(self)
        return one

    def wait_until_served(self, worker: RunningWorker, release_id: ReleaseId | None, generation: int) -> None:
        """Wait until the worker's heartbeat says so."""
        worker.wait_for(
            lambda: any((one.release_id, one.generation) == (release_id, generation) for one in beats(self)),
            f"serving {release_id} as generation {generation}",
        )

    def beat(self, heartbeat: WorkerHeartbeat) -> None:
        """Write what a second worker would say of itself."""
        with self.redis() as redis:
            redis.hset(WORKERS, heartbeat.worker_id, encode_worker_heartbeat(heartbeat))


def planted(seed: int, sessions: int = SESSIONS) -> pl.DataFrame:
    """Sessions whose next item is known; of another seed, other sessions."""
    events = ring_events(sessions=sessions, noise=0, seed=seed)
    return events.with_columns(session_id=pl.format("{}-{}", pl.lit(seed), "session_id"))


def a_heartbeat(worker_id: str, release_id: ReleaseId, generation: int, **fields: object) -> WorkerHeartbeat:
    """Of a worker that serves a release."""
    now = datetime.now(UTC)
    given = {"at": now, "started_at": now, "ready": True, **fields}
    return msgspec.convert(
        {"worker_id": worker_id, "release_id": release_id, "generation": generation, **given}, WorkerHeartbeat
    )


def loop_settings(folder: Path, prefix: str) -> dict[str, str]:
    """The settings of cycles, beside those of the worker."""
    (folder / "archive").mkdir()  # as an archiver makes it
    config = folder / "small.json"
    config.write_bytes(msgspec.json.encode(CONFIG))
    return {
        "MILLRACE_RETRAIN_CONFIG": str(config),
        "MILLRACE_RETRAIN_WORK": str(folder / "work"),
        "MILLRACE_RETRAIN_LOCK_TTL_S": "6",
        "MILLRACE_RETRAIN_WAIT_S": "60",
        "MILLRACE_RETRAIN_WATCH_S": "0",
        "MILLRACE_ARCHIVE": str(folder / "archive"),
        "MILLRACE_ARCHIVE_GROUP": f"{prefix}archive",
        "MILLRACE_ARCHIVE_FILE_AGE_S": "0.3",
        "MILLRACE_ARCHIVE_PORT": "0",
        "MILLRACE_GATE_MIN_PREDICTIONS": "20",
        "MILLRACE_GATE_RECALL_LOSS": "0.1",  # few predictions: the exact figures are the gate's own tests'
        "MILLRACE_GATE_MRR_LOSS": "0.3",
        **dict.fromkeys(
            (
                "MILLRACE_GATE_STEP_US",
                "MILLRACE_GATE_BATCH_STEP_US",
                "MILLRACE_GATE_SEARCH_US",
                "MILLRACE_GATE_BATCH_SEARCH_US",
            ),
            NO_BUDGET,
        ),
    }
