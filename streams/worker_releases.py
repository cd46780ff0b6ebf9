"""What a worker serves and what it says of that: the release watcher, what it swaps, and the heartbeat.

Owns how these three hang together; the parts are modules of their own. Caller: `streams.worker`.
"""

from pathlib import Path

import structlog
from msgspec.structs import replace
from redis.asyncio import Redis

from models.release import Release
from models.session_rule import EVENT_TYPE_CODES
from schemas.connections import kafka_arguments
from schemas.ids import ReleaseId
from schemas.worker_heartbeat import WorkerHeartbeat
from streams.announcement_topic import AnnouncementTopic
from streams.current_recommender import CurrentRecommender, Served
from streams.health import Health
from streams.heartbeat import Heartbeat, worker_name
from streams.metrics import WorkerMetrics
from streams.online_counts import OnlineCounter
from streams.refused_releases import RefusedReleases
from streams.release_listeners import ReleaseListeners
from streams.release_loading import load_warm, quick_switches
from streams.release_watcher import ReleaseWatcher
from streams.settings import WorkerSettings

log = structlog.get_logger("millrace.worker")


class WorkerReleases:
    """The releases of one worker.

    Attributes:
        current: what serves each batch.
        watcher: what keeps it up to date; started and stopped by the worker.
        heartbeat: what tells the others; run by the worker.
    """

    def __init__(
        self,
        settings: WorkerSettings,
        redis: "Redis",
        health: Health,
        metrics: WorkerMetrics,
        online: OnlineCounter,
    ) -> None:
        """Make the parts; nothing is connected yet.

        Args:
            settings: of the worker.
            redis: where the heartbeat goes.
            health: of the worker.
            metrics: likewise.
            online: what is told of how each release does.
        """
        self._topic = settings.releases_topic
        self._threads = settings.threads
        self._health = health
        self._metrics = metrics
        self._refused = RefusedReleases()
        self._prepared: Served | None = None
        excluded = frozenset(EVENT_TYPE_CODES[name] for name in settings.exclude_event_types)
        self.current = CurrentRecommender(settings.k, excluded, metrics, settings.emit == "latest")
        self._online = online
        self.heartbeat = Heartbeat(redis, worker_name(settings.group_instance_id), self._described)
        self.watcher: ReleaseWatcher[Release] = ReleaseWatcher(
            self._load,
            settings.releases,
            settings.release_cache,
            AnnouncementTopic(kafka_arguments(settings), settings.releases_topic),
            health,
            ReleaseListeners(tried=self._try, swapped=self._swap, refused=self._refuse),
        )

    async def start(self) -> None:
        """Follow the announcements; afterwards the last one is served, where it can be.

        Raises:
            UsageError: see `ReleaseWatcher.start`.
        """
        await self.watcher.start()
        if self.watcher.current is None:
            log.warning("waiting for a release: none is announced that can be served", topic=self._topic)
            self._health.fail("start", f"no release is announced on topic {self._topic} yet")

    def _try(self, release_id: ReleaseId) -> None:
        """It is refused no longer, however long it takes to fetch; who watches it would go back from it."""
        if release_id in self._refused.reasons:
            self._refused.forget(release_id)
            self.heartbeat.beat_soon()

    def _load(self, folder: Path) -> Release:
        """In a thread."""
        with quick_switches():
            release = load_warm(folder, self._threads)
            self._prepared = self.current.prepared(release)
        return release

    def _swap(self, _: Release) -> None:
        """Replace the one reference by what was prepared; no more is to be done between two batches."""
        assert self._prepared is not None, "loading prepares what it loads"
        self.current.use(self._prepared)
        self._prepared = None
        self.heartbeat.beat_soon()

    def _refuse(self, release_id: ReleaseId, error: Exception) -> None:
        self._metrics.releases_refused.inc()
        self._refused.note(release_id, error)
        self.heartbeat.beat_soon()

    def _described(self, bare: WorkerHeartbeat) -> WorkerHeartbeat:
        return replace(
            bare,
            ready=self._health.is_ready,
            release_id=self.watcher.release_id,
            generation=self.watcher.generation,
            side_index_version=self.current.side_index_version,
            refused=self._refused.reasons,
            online=self._online.counts(),
        )
