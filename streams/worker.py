"""The worker process: every part is made here, started in order, and stopped in the reverse order.

Composition root of `millrace worker`. What an event goes through: `streams.event_path`.
"""

import asyncio
import functools
import gc
import signal
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog
import uvloop
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from schemas.connections import kafka_arguments
from schemas.logs import configure_logs
from streams import kafka_clients
from streams.catalogue import Catalogue
from streams.catalogue_agent import add_catalogue_agent
from streams.catalogue_refresh import CatalogueRefresh
from streams.emitter import Emitter
from streams.ending_tasks import end_task, first_of, stop_in_time
from streams.event_path import Surroundings, event_path
from streams.event_source import EventSource
from streams.faust_app import build_app
from streams.health import Health
from streams.instance_claim import InstanceClaim
from streams.log_watch import LogWatch
from streams.metrics import WorkerMetrics
from streams.online_counts import OnlineCounter
from streams.redis_clients import open_redis
from streams.redis_session_store import RedisSessionStore
from streams.retrying import until_available
from streams.settings import WorkerSettings
from streams.side_index_topic import SideIndexTopic
from streams.side_index_watcher import SideIndexWatcher
from streams.starting_checks import check_surroundings
from streams.topic_metadata import TopicMetadata
from streams.topic_watch import TopicWatch
from streams.worker_http import worker_http
from streams.worker_releases import WorkerReleases

log = structlog.get_logger("millrace.worker")


def run_worker(settings: WorkerSettings) -> None:
    """Run a worker until SIGTERM or SIGINT; it then drains, commits and returns.

    Raises:
        UsageError: what waiting cannot cure: settings, addresses, topics, permissions.
    """
    configure_logs(settings.log_level, settings.log_format)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(_Worker(settings).run())


class _Worker:
    """One worker's parts, and their life from start to stop."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._metrics = WorkerMetrics(CollectorRegistry())
        self._health = Health(self._metrics.ready)
        self._online = OnlineCounter(self._metrics)
        self._emitter = Emitter(functools.partial(kafka_clients.producer, settings))
        self._endless: list[asyncio.Future[None]] = []

    async def run(self) -> None:
        """Start, serve until a signal or a failure, stop."""
        stop, loop = asyncio.Event(), asyncio.get_running_loop()
        self._metrics.tasks.set_function(lambda: len(asyncio.all_tasks(loop)))
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, stop.set)
        stopped = asyncio.create_task(stop.wait())
        async with AsyncExitStack() as stack:
            self._health.fail("start", "the worker is starting")
            serving = asyncio.create_task(self._serve(stack))
            if await first_of(serving, stopped) is serving:
                serving.result()
            self._health.fail("stop", "the worker is stopping")
            await end_task(serving)
        log.info("stopped")

    async def _serve(self, stack: AsyncExitStack) -> None:
        """Start everything, then serve until the event source fails; cancelled on a signal."""
        self._serve_http(stack)
        redis = await self._open_redis(stack)
        topics = self._topic_watch(stack)
        store = RedisSessionStore(redis, self._settings.redis_buckets, self._settings.state_ttl_s, topics.ids)
        await check_surroundings(self._settings, redis, store)
        releases = WorkerReleases(self._settings, redis, self._health, self._metrics, self._online)
        await self._watch_releases(stack, releases)
        claims = await self._claim_name(stack, redis)
        source = await self._start(stack, redis, store, topics, releases)
        (await first_of(source.ended, *claims, *self._endless)).result()

    def _serve_http(self, stack: AsyncExitStack) -> None:
        settings = self._settings
        http = worker_http(settings.worker_host, settings.worker_port, self._metrics.registry, self._health)
        log.info("metrics and health", url=stack.enter_context(http))

    async def _open_redis(self, stack: AsyncExitStack) -> "Redis":
        redis = open_redis(self._settings)
        stack.push_async_callback(redis.aclose)
        return redis

    def _topic_watch(self, stack: AsyncExitStack) -> TopicWatch:
        settings = self._settings
        names = [*settings.event_topics, settings.recommendations_topic]
        metadata = TopicMetadata(kafka_clients.topic_client(settings), names)
        stack.push_async_callback(stop_in_time, "topic watch", metadata.stop)
        return TopicWatch(metadata.ask, settings.event_topics, settings.recommendations_topic, self._health)

    async def _watch_releases(self, stack: AsyncExitStack, releases: WorkerReleases) -> None:
        """Tell what is served from now on, and wait until there is a release to serve."""
        stack.push_async_callback(releases.heartbeat.farewell)
        stack.push_async_callback(stop_in_time, "release watcher", releases.watcher.stop)
        self._keep_running(stack, releases.heartbeat.run())
        await releases.start()
        await releases.watcher.wait_for_release()

    async def _start(
        self,
        stack: AsyncExitStack,
        redis: "Redis",
        store: RedisSessionStore,
        topics: TopicWatch,
        releases: WorkerReleases,
    ) -> EventSource:
        settings, catalogue, current = self._settings, Catalogue(redis), releases.current
        stack.push_async_callback(stop_in_time, "emitter", self._emitter.stop)
        app = build_app(settings, Path(stack.enter_context(TemporaryDirectory(prefix="millrace-faust-"))))
        consumer = kafka_clients.event_consumer(settings)
        surroundings = Surroundings(settings, current, self._health, self._metrics, self._online)
        path = event_path(app, consumer, store, topics, self._emitter, surroundings)
        add_catalogue_agent(app, settings.items_topic, catalogue, self._health, self._metrics)
        refresh = CatalogueRefresh(
            redis,
            catalogue,
            current,
            functools.partial(kafka_clients.reader, settings, settings.items_topic),
        )
        stack.push_async_callback(stop_in_time, "Faust", app.stop)
        stack.push_async_callback(path.source.drain)
        await app.add_runtime_dependency(path.source)  # before the app starts: both groups are joined at once
        starting = asyncio.create_task(app.start())
        joined = asyncio.create_task(path.member.joined.wait())
        if await first_of(starting, joined, path.source.ended) is starting:
            starting.result()
        logs = LogWatch(path.member, self._health, path.commits)
        side_indexes = SideIndexWatcher(
            settings.releases,
            SideIndexTopic(kafka_arguments(settings), settings.side_index_topic),
            current,
            self._health,
            self._metrics,
        )
        self._keep_running(
            stack, refresh.run(), topics.run(), path.commits.run(), logs.run(), side_indexes.run()
        )
        self._health.recover("start")
        gc.freeze()  # what is there now stays: it need not be looked through again and again
        log.info("serving", release_id=current.release_id, topics=settings.event_topics)
        return path.source

    async def _claim_name(self, stack: AsyncExitStack, redis: "Redis") -> list["asyncio.Future[None]"]:
        """What ends when another worker takes this one's name in the group; nothing where it has none."""
        group, name = self._settings.consumer_group, self._settings.group_instance_id
        if name is None:
            return []
        claim = InstanceClaim(redis, group, name)
        await until_available(claim.make, "redis", self._health)
        watching = asyncio.create_task(claim.watch(), name="instance-claim")
        stack.push_async_callback(end_task, watching)
        return [watching]

    def _keep_running(self, stack: AsyncExitStack, *endless: Coroutine[None, None, None]) -> None:
        """Run what never ends; where it fails all the same, the worker does."""
        for one in endless:
            task = asyncio.create_task(one)
            self._endless.append(task)
            stack.push_async_callback(end_task, task)
