"""The lookup process: every part is made here, started, and stopped on SIGTERM or Ctrl-C.

Composition root of `millrace lookup`. Redis and Kafka must answer once at the start; it then listens, and
`/readyz` tells when Redis and a release are there.
"""

import asyncio
import contextlib
import socket
import time
from contextlib import AsyncExitStack

import structlog
import typer
import uvloop
from prometheus_client import CollectorRegistry
from redis.asyncio import Redis

from models.release import ReleaseTables, load_tables
from schemas.connections import kafka_arguments
from schemas.errors import Unavailable, UsageError
from schemas.logs import configure_logs
from streams.announcement_topic import AnnouncementTopic
from streams.availability import load_availability
from streams.ending_tasks import end_task
from streams.health import Health
from streams.lookup.admission import Admission, listens_openly
from streams.lookup.erase_producer import EraseProducer
from streams.lookup.erasing import Erasing
from streams.lookup.http_server import lookup_server
from streams.lookup.lookup_metrics import LookupMetrics
from streams.lookup.redis_reading import TIMEOUT_S, RedisReading
from streams.lookup.retrain_producer import RetrainProducer
from streams.lookup.routes import Lookup
from streams.lookup.served_tables import CurrentTables
from streams.lookup.start_check import check_services
from streams.redis_clients import open_redis
from streams.release_listeners import ReleaseListeners
from streams.release_watcher import ReleaseWatcher
from streams.settings import LookupSettings
from streams.side_index_topic import SideIndexTopic
from streams.side_index_watcher import SideIndexWatcher

log = structlog.get_logger("millrace.lookup")
REFRESH_S = 1.0


def serve_lookup(settings: LookupSettings) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are answered first.

    Raises:
        UsageError: the port is in use, Redis or Kafka does not answer, or a setting cannot work.
    """
    configure_logs(settings.log_level, settings.log_format)
    if listens_openly(settings):
        log.warning("open to whoever reaches it; set MILLRACE_LOOKUP_API_KEYS", host=settings.lookup_host)
    with (
        _listen(settings.lookup_host, settings.lookup_port) as listening,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        runner.run(_serve(settings, listening))


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=2048)
    except OSError as error:
        raise UsageError(
            f"cannot listen on {host}:{port} ({error.strerror}); choose another --host or --port, 0 for any"
        ) from error


def _url(host: str, listening: socket.socket) -> str:
    return f"http://{f'[{host}]' if ':' in host else host}:{listening.getsockname()[1]}"


async def _serve(settings: LookupSettings, listening: socket.socket) -> None:
    metrics, current = LookupMetrics(CollectorRegistry()), CurrentTables()
    async with AsyncExitStack() as stack:
        redis = open_redis(settings, TIMEOUT_S)
        stack.push_async_callback(redis.aclose)
        reading = RedisReading(redis, settings.redis_buckets)
        await check_services(settings, reading)
        typer.echo(f"lookup: {_url(settings.lookup_host, listening)}")
        health = Health(metrics.ready)
        watcher = _watcher(settings, current, metrics, health)
        stack.push_async_callback(watcher.stop)
        side_indexes = _side_index_watcher(settings, current, metrics, health)
        stack.push_async_callback(end_task, asyncio.create_task(side_indexes.run()))
        eraser = EraseProducer(settings)
        stack.push_async_callback(eraser.stop)
        requester = RetrainProducer(settings, time.time)
        stack.push_async_callback(requester.stop)
        server = lookup_server(
            Lookup(
                redis=reading,
                current=current,
                health=health,
                metrics=metrics,
                admission=Admission(settings, time.monotonic),
                erasing=Erasing(redis, settings.redis_buckets, eraser, time.time),
                retraining=requester,
                k=settings.k,
            )
        )
        serving = asyncio.create_task(server.serve([listening]))
        background = asyncio.create_task(_keep_current(watcher, redis, current))
        await asyncio.wait({serving, background}, return_when=asyncio.FIRST_COMPLETED)
        server.should_exit = True
        await serving
        background.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await background


def _watcher(
    settings: LookupSettings, current: CurrentTables, metrics: LookupMetrics, health: Health
) -> ReleaseWatcher[ReleaseTables]:
    def swap(tables: ReleaseTables) -> None:
        current.use_release(tables)
        metrics.active_release.clear()
        metrics.active_release.labels(tables.release_id).set(1)

    return ReleaseWatcher(
        load_tables,
        settings.releases,
        settings.release_cache,
        AnnouncementTopic(kafka_arguments(settings), settings.releases_topic),
        health,
        ReleaseListeners(swapped=swap, refused=lambda *_: metrics.releases_refused.inc()),
    )


def _side_index_watcher(
    settings: LookupSettings, current: CurrentTables, metrics: LookupMetrics, health: Health
) -> SideIndexWatcher:
    topic = SideIndexTopic(kafka_arguments(settings), settings.side_index_topic)
    return SideIndexWatcher(settings.releases, topic, current, health, metrics)


async def _keep_current(
    watcher: ReleaseWatcher[ReleaseTables], redis: "Redis", current: CurrentTables
) -> None:
    """Follow the releases, and look at the catalogue's version every second."""
    await watcher.start()
    while True:
        with contextlib.suppress(Unavailable):  # tried again in a second; /readyz says that it is away
            availability = await load_availability(redis, current.availability)
            if availability is not current.availability:
                current.use_availability(availability)
        await asyncio.sleep(REFRESH_S)
