"""The builder of side indexes: follows events, catalogue and releases, publishes what is new.

Owns the loop and its order: learn; every few seconds claim a version, write its files, announce it, remove
old ones. Whatever fails on the way leaves the announced one as it is. A builder keeps nothing on disk:
started again it reads its window of events anew, and goes on with a greater version. Caller: `millrace
side-index`.
"""

import asyncio
import contextlib
import time
from datetime import UTC, datetime
from typing import NoReturn

import structlog
from aiokafka.errors import KafkaError

from retrain.log_reading import Record
from retrain.side_index.followed_topics import FollowedTopics, follow_topics
from retrain.side_index.item_kinds import ItemKinds
from retrain.side_index.log_learning import describe_items, learnable_events, running_release
from retrain.side_index.new_item_counts import Halving
from retrain.side_index.new_items import HALVING, Limits, NewItems
from retrain.side_index.outage_log import OutageLog
from retrain.side_index.running_release import load_running_release
from retrain.side_index.side_index_announcing import SideIndexTopicWriter, open_topic
from retrain.side_index.side_index_metrics import SideIndexMetrics
from retrain.side_index.side_index_publishing import SideIndexStore
from retrain.side_index_settings import SideIndexSettings
from schemas.connections import kafka_arguments
from schemas.errors import InvalidRelease, Unavailable
from schemas.release_announcement import ReleaseAnnouncement

log = structlog.get_logger("millrace.side_index")
RETRY_S = 2.0


async def build_side_indexes(settings: SideIndexSettings, metrics: SideIndexMetrics) -> NoReturn:
    """Build and publish side indexes until cancelled; waits for Kafka and the store without end.

    Raises:
        UsageError: a topic does not exist, or a setting cannot work.
    """
    store, outages = SideIndexStore(settings.releases), OutageLog()
    while True:
        try:
            async with (
                follow_topics(settings) as topics,
                open_topic(kafka_arguments(settings), settings.side_index_topic) as writer,
            ):
                outages.works()
                await _Builder(settings, store, writer, topics, metrics).run()
        except (Unavailable, KafkaError) as error:
            outages.failed(error)
            await asyncio.sleep(RETRY_S)


class _Builder:
    """One builder, from one connection to Kafka to the next."""

    def __init__(
        self,
        settings: SideIndexSettings,
        store: SideIndexStore,
        writer: SideIndexTopicWriter,
        topics: FollowedTopics,
        metrics: SideIndexMetrics,
    ) -> None:
        self._settings = settings
        self._store = store
        self._writer = writer
        self._topics = topics
        self._metrics = metrics
        self._limits = Limits(
            items=settings.side_index_items,
            sessions=settings.side_index_sessions,
            halving=Halving(settings.side_index_half_life_s, HALVING.queries),
        )
        self._kinds = ItemKinds()
        self._running: ReleaseAnnouncement | None = None
        self._new_items: NewItems | None = None
        self._refused = 0
        self._published = 0
        self._changed = False
        self._is_first = True
        self._due_at = 0.0

    async def run(self) -> NoReturn:
        """Learn and publish; ended by an error of Kafka."""
        while True:
            records = await self._topics.next()
            self._changed |= describe_items(self._kinds, self._topics.of_items(records))
            self._running = running_release(self._running, self._topics.of_releases(records))
            await self._follow_release()
            await self._learn(self._topics.of_events(records))
            if self._changed and await self._is_due():
                await self._publish()

    async def _follow_release(self) -> None:
        """Begin anew for another release; one that cannot be loaded now is tried again."""
        wanted = self._running
        if wanted is None or wanted.generation == self._refused or self._serves(wanted):
            return
        try:
            release = await asyncio.to_thread(
                load_running_release, self._settings.releases, wanted.release_id
            )
            self._new_items = NewItems(release, self._kinds, self._limits)
        except InvalidRelease as error:
            reason = str(error)
            log.error(  # noqa: TRY400  # a refusal is no bug: one line
                "no side index for this release", release_id=wanted.release_id, reason=reason
            )
            self._refused, self._new_items = wanted.generation, None
            return
        except Unavailable as error:
            log.warning("release waits, tried again", release_id=wanted.release_id, error=str(error))
            await asyncio.sleep(RETRY_S)
            return
        window_ms = int(self._settings.side_index_window_h * 3_600_000)
        await self._topics.read_events_from(int(time.time() * 1000) - window_ms)
        await self._remove_orphans()
        self._published, self._is_first = 0, True
        self._due_at = time.monotonic() + self._settings.side_index_interval_s
        log.info("building side indexes", release_id=release.release_id)

    async def _remove_orphans(self) -> None:
        """Side indexes of releases that are no more; where the store does not answer, another time."""
        with contextlib.suppress(Unavailable):
            await asyncio.to_thread(self._store.remove_orphans)

    async def _is_due(self) -> bool:
        """The first version of a release comes as soon as its window is read, the others by the clock."""
        if time.monotonic() >= self._due_at:
            return True
        return self._is_first and await self._topics.caught_up()

    def _serves(self, wanted: ReleaseAnnouncement) -> bool:
        return self._new_items is not None and self._new_items.release.release_id == wanted.release_id

    async def _learn(self, records: list[Record]) -> None:
        settings, new_items = self._settings, self._new_items
        if new_items is None or not records:
            return
        events = learnable_events(records, settings.event_type_map, settings.max_clock_skew_s)
        await asyncio.to_thread(new_items.take, events)
        self._metrics.events.inc(len(events))
        self._metrics.sessions.set(new_items.sessions)
        self._changed = True

    async def _publish(self) -> None:
        """Publish what there is; nothing where there are no new items, and there were none before."""
        new_items = self._new_items
        if new_items is None:
            return
        self._due_at = time.monotonic() + self._settings.side_index_interval_s
        items = await asyncio.to_thread(new_items.build)
        if not len(items) and not self._published:
            return
        release, now = new_items.release, datetime.now(UTC)
        version = await self._writer.claim(release.release_id, now)
        try:
            await asyncio.to_thread(self._store.publish, items, release, version, now)
            await self._writer.announce(release.release_id, version, len(items), now)
            self._published, self._changed, self._is_first = len(items), False, False
            self._metrics.announced(version, len(items))
            log.debug("side index announced", version=version, items=len(items))
            await asyncio.to_thread(self._store.remove_old, release.release_id, version)
        except Unavailable as error:
            self._metrics.failures.inc()
            log.warning("side index not published, tried again", version=version, error=str(error))
