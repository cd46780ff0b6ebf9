"""A stage for cycles: real Kafka and Redis, a small model, workers that are nothing but their heartbeats."""

import multiprocessing
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from models.model_config import ModelConfig
from retrain.cycle.cycle_display import NoDisplay
from retrain.cycle.cycle_opening import CyclePlan
from retrain.cycle.cycle_parts import CycleClock
from retrain.cycle.judging import Judge
from retrain.cycle.retrain_once import CycleTools, retrain_once
from retrain.cycle.retrain_redis import open_retrain_redis
from retrain.cycle.status_board import Board, read_board
from retrain.cycle.window_reading import file_window
from retrain.gate.candidate_gate import examine
from retrain.releases.announcing import read_announcements
from retrain.runs.run_folder import read_run
from retrain.settings import RetrainSettings
from retrain.training.training_loop import TrainingProgress
from schemas.cycle_status import CycleSummary
from schemas.ids import ReleaseId
from schemas.redis_keys import CYCLE_LOCK, WORKERS
from schemas.release_announcement import ReleaseAnnouncement
from schemas.worker_heartbeat import WorkerHeartbeat, encode_worker_heartbeat
from tests.retrain.planted_sessions import ring_events

LOCK_TTL_S = 6.0
AHEAD_S = 600.0
"""Of a worker's clock before that of Redis: it is live, however long the cycle takes to look."""
CONFIG = ModelConfig(hidden_size=8, epochs=3, min_steps=60, batch_size=16, n_negatives=8)
_SERVERS = multiprocessing.get_context("forkserver")
_SERVERS.set_forkserver_preload(["tests.retrain.cycle.cycle_stage"])


class WatchingDisplay(NoDisplay):
    """Tells somebody of the training's epochs."""

    def __init__(self, watch: Callable[[int], None]) -> None:
        self._watch = watch

    @contextmanager
    def training(self) -> Iterator[Callable[[TrainingProgress], None]]:
        yield lambda at: self._watch(at.epoch)


@dataclass(frozen=True)
class CycleStage:
    settings: RetrainSettings
    events: Path

    @property
    def redis(self) -> Any:
        return open_retrain_redis(self.settings)

    def plan(self, **changes: Any) -> CyclePlan:
        fields = {"trigger": "test", "config": CONFIG, "source": self.window().source} | changes
        return CyclePlan(**fields)

    def window(self) -> Any:
        return file_window(self.settings, self.events)

    def run(
        self,
        plan: CyclePlan | None = None,
        judge: Judge = examine,
        reached: Callable[[str], None] = lambda _: None,
        display: NoDisplay | None = None,
        clock: CycleClock | None = None,
    ) -> CycleSummary:
        """A cycle in this process."""
        tools = CycleTools(display or NoDisplay(), judge=judge, clock=clock or CycleClock(), reached=reached)
        return retrain_once(self.settings, plan or self.plan(), self.window().read, self.redis, tools)

    def die_at(self, place: str) -> None:
        """A cycle in a process of its own that is killed, by kill -9, at a place."""
        self._die(_die_at, place)

    def die_in_training(self, epoch: int) -> None:
        """The same, in an epoch of the training."""
        self._die(_die_in_training, epoch)

    def _die(self, target: Callable[..., None], where: str | int) -> None:
        child = _SERVERS.Process(target=target, args=(self, where))
        child.start()
        child.join(60)
        assert child.exitcode == -signal.SIGKILL, f"it ended with {child.exitcode}"
        self.redis.delete(CYCLE_LOCK)  # as if the time that it lives were over

    def announced(self) -> list[ReleaseAnnouncement]:
        kafka = {"bootstrap_servers": self.settings.kafka_bootstrap_servers}
        return [one.announcement for one in read_announcements(kafka, self.settings.releases_topic)]

    def generations(self) -> list[int]:
        return [one.generation for one in self.announced()]

    def board(self) -> Board:
        return read_board(self.redis)

    def trainings(self) -> int:
        """The runs in which an epoch was trained."""
        runs = [read_run(folder) for folder in Path(self.settings.releases, "runs").glob("retrain-*")]
        return sum(bool(run.history) for run in runs)

    def beat(
        self,
        worker_id: str,
        generation: int = 0,
        age_s: float = -AHEAD_S,
        refused: dict[ReleaseId, str] | None = None,
        **fields: Any,
    ) -> None:
        """The heartbeat of a worker, so many seconds old; by default it stays live."""
        at = datetime.now(UTC) - timedelta(seconds=age_s)
        heartbeat = WorkerHeartbeat(
            worker_id=worker_id,
            at=at,
            started_at=fields.pop("started_at", at),
            ready=True,
            generation=generation,
            refused=refused or {},
            **fields,
        )
        self.redis.hset(WORKERS, worker_id, encode_worker_heartbeat(heartbeat))


def cycle_stage(kafka: Any, redis_url: str, prefix: str, folder: Path, **settings: Any) -> CycleStage:
    """A stage with a topic of announcements of its own, and a file to learn from."""
    events = folder / "events.parquet"
    ring_events(sessions=150, noise=0).rename({"occurred_at_ms": "timestamp"}).write_parquet(events)
    given = {
        "kafka_bootstrap_servers": kafka.bootstrap_servers,
        "redis_url": redis_url,
        "releases_topic": kafka.create_topic(f"{prefix}releases", 1),
        "releases": str(folder / "releases"),
        "retrain_work": folder / "work",
        "retrain_lock_ttl_s": LOCK_TTL_S,
        "retrain_wait_s": 5.0,
        "retrain_checkpoint_s": 0.0,
        "retrain_watch_s": 0.0,
        "gate_min_predictions": 20,
        **dict.fromkeys(("gate_recall_loss", "gate_mrr_loss"), 1.0),
        "gate_popularity_factor": 1.0,
        **dict.fromkeys(("gate_step_us", "gate_batch_step_us", "gate_search_us"), 1e9),
        "gate_batch_search_us": 1e9,
    }
    return CycleStage(RetrainSettings(**(given | settings)), events)


def _die_at(stage: CycleStage, place: str) -> None:
    def reached(there: str) -> None:
        if there == place:
            os.kill(os.getpid(), signal.SIGKILL)

    stage.run(reached=reached)


def _die_in_training(stage: CycleStage, epoch: int) -> None:
    def watch(there: int) -> None:
        if there == epoch:
            os.kill(os.getpid(), signal.SIGKILL)

    stage.run(display=WatchingDisplay(watch))
