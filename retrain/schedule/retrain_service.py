"""The retrain process: every part is made here, started, and stopped on SIGTERM or Ctrl-C.

Composition root of `millrace retrain --schedule`. Redis and Kafka must answer once at the start; what is away
later is waited for. A cycle that fails is logged and counted, and the schedule goes on.
"""

import asyncio
import logging
import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import typer
from prometheus_client import CollectorRegistry

from models.model_config_file import load_model_config
from retrain.cycle.retrain_once import check_announcing, check_config
from retrain.cycle.retrain_redis import asked, open_retrain_redis
from retrain.event_log import existing_archive
from retrain.schedule.agenda import Agenda, Begin, LeaveOut, Reasons
from retrain.schedule.cron_times import CronTimes
from retrain.schedule.cycle_reasons import CycleReasons
from retrain.schedule.cycle_running import CycleOrder, CycleProcess
from retrain.schedule.request_topic import RequestTopic, check_request_topic
from retrain.schedule.retrain_metrics import RetrainMetrics
from retrain.settings import RetrainSettings
from retrain.status_port import status_port
from schemas.errors import MillraceError
from schemas.logs import configure_logs

LOOK_S = 0.5
_LOGGER = logging.getLogger("millrace.retrain.schedule")


def serve_retrain(settings: RetrainSettings) -> None:
    """Run cycles until SIGTERM or SIGINT; a cycle under way is ended, and gone on with at the next start.

    Raises:
        UsageError: the port is in use, or a setting cannot work.
        Unavailable: the archive's store, Redis or Kafka does not answer.
    """
    configure_logs(settings.log_level, settings.log_format)
    check_config(load_model_config(settings.retrain_config))
    existing_archive(settings)
    check_announcing(settings)
    check_request_topic(settings)
    redis = open_retrain_redis(settings)
    asked(redis.ping)
    metrics = RetrainMetrics(CollectorRegistry())
    port = settings.retrain_port
    with status_port("MILLRACE_RETRAIN_PORT", settings.retrain_host, port, metrics.registry) as url:
        typer.echo(f"retrain: {url}")
        requests = RequestTopic(settings, lambda kind: metrics.requests.labels(kind).inc())
        cron = _cron(settings)
        reasons = CycleReasons(settings, redis, cron, requests, metrics, utc_now)
        service = RetrainService(settings, reasons, metrics, utc_now)
        if cron is not None:
            first = cron.starts(utc_now()).astimezone(ZoneInfo(settings.retrain_timezone))
            _LOGGER.info("the next scheduled cycle begins at %s", f"{first:%Y-%m-%d %H:%M:%S %Z}")
        asyncio.run(_until_told(service, requests))


def utc_now() -> datetime:
    """The clock of the real process."""
    return datetime.now(UTC)


def _cron(settings: RetrainSettings) -> CronTimes | None:
    if not settings.retrain_schedule:
        return None
    name = f"{socket.gethostname()} {settings.retrain_work.absolute()}"
    return CronTimes(settings.retrain_schedule, settings.retrain_timezone, settings.retrain_jitter_s, name)


async def _until_told(service: "RetrainService", requests: RequestTopic) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    try:
        while not stop.is_set():
            await service.turn()
            with suppress(TimeoutError):
                await asyncio.wait_for(stop.wait(), LOOK_S)
    finally:
        service.stop()
        await requests.stop()


class RetrainService:
    """One look after the other: begins cycles, and takes down how they end."""

    def __init__(
        self,
        settings: RetrainSettings,
        reasons: CycleReasons,
        metrics: RetrainMetrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._reasons = reasons
        self._metrics = metrics
        self._clock = clock
        self._agenda = Agenda(
            settings.retrain_min_new_events,
            settings.retrain_after_events,
            settings.retrain_cooldown_s,
            settings.retrain_backoff_s,
        )
        self._cycle: CycleProcess | None = None
        self._due: datetime | None = None
        """The scheduled time that the cycle answers."""
        self._began = clock()
        self._trouble = ""

    async def turn(self) -> None:
        """Look once; what goes wrong is logged, for the next look may go well."""
        try:
            await (self._look_at_cycle(self._cycle) if self._cycle else self._look_for_cycle())
        except MillraceError as error:
            self._troubled(str(error))
        except Exception:  # the boundary of the schedule: one bad look must not end it
            _LOGGER.exception("a look for reasons failed")
            self._metrics.troubles.inc()
        else:
            self._trouble = ""

    def stop(self) -> None:
        """End the cycle under way; it is gone on with later."""
        if self._cycle is not None:
            self._cycle.stop()
            self._cycle = None

    async def _look_for_cycle(self) -> None:
        reasons = await self._reasons.look()
        if reasons is None:
            return
        if reasons.unfinished:
            reasons = replace(reasons, due=None)  # the time is answered by what learns from events up to it
        decision = self._agenda.decide(reasons, self._clock())
        if decision is not None and reasons.due is not None and not await self._reasons.take(reasons.due):
            reasons = replace(reasons, due=None)  # another process has answered it
            decision = self._agenda.decide(reasons, self._clock())
        match decision:
            case LeaveOut(why):
                _LOGGER.info("the scheduled cycle is left out: %s", why)
                self._metrics.left_out.inc()
            case Begin():
                self._begin(decision, reasons)

    def _begin(self, decision: Begin, reasons: Reasons) -> None:
        _LOGGER.info("a cycle begins: %s (new events: %s)", decision.trigger, reasons.new_events)
        ids = [one.request_id for one in decision.requests]
        self._began, self._due = self._clock(), reasons.due
        self._cycle = CycleProcess(self._settings, CycleOrder(decision.trigger, decision.from_scratch, ids))
        self._metrics.cycle_runs.set(1)
        self._agenda.began(reasons)
        self._reasons.begun()

    async def _look_at_cycle(self, cycle: CycleProcess) -> None:
        if not cycle.has_ended():
            await self._reasons.keep_reading()
            return
        self._cycle = None
        self._metrics.cycle_runs.set(0)
        outcome = await asyncio.to_thread(cycle.outcome)
        if isinstance(outcome, str):
            wait_s = self._agenda.failed(self._clock())
            self._metrics.cycles.labels("error").inc()
            _LOGGER.error("the cycle failed: %s; the next one waits %.0f s", outcome, wait_s)
            if self._due is not None:
                await self._reasons.give_back(self._due, self._began)
            return
        self._agenda.ended(self._clock(), gave_release=outcome.outcome == "running")
        self._metrics.over(outcome)
        _LOGGER.info("%s is over: %s %s", outcome.cycle_id, outcome.outcome, outcome.reason)

    def _troubled(self, trouble: str) -> None:
        """Count it, and log it once until it is another or over."""
        self._metrics.troubles.inc()
        if trouble != self._trouble:
            _LOGGER.warning("%s", trouble)
        self._trouble = trouble
