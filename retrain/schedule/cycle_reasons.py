"""What speaks for a cycle: looked up in Kafka, Redis, the releases and the work folder.

Owns the looking; requests, the schedule and the lock at every look, what costs more only every
`retrain_poll_s` and when there is a new request or a scheduled time. Caller:
`retrain.schedule.retrain_service`.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import NamedTuple

from retrain.cycle.cycle_lock import is_locked
from retrain.cycle.live_workers import live_workers
from retrain.cycle.retrain_redis import Client
from retrain.cycle.status_board import Board, read_board, running_now
from retrain.cycle.work_folder import WorkFolder
from retrain.releases.announcing import read_running
from retrain.releases.release_catalogue import read_release_manifest
from retrain.schedule.agenda import Reasons
from retrain.schedule.cron_times import CronTimes
from retrain.schedule.due_times import DueTimes
from retrain.schedule.hit_rate_watch import HitRateWatch
from retrain.schedule.new_events import count_new_events
from retrain.schedule.request_topic import RequestTopic
from retrain.schedule.retrain_metrics import RetrainMetrics
from retrain.settings import RetrainSettings
from schemas.connections import kafka_arguments
from schemas.cycle_status import RunningRelease
from schemas.errors import InvalidRelease
from schemas.ids import ReleaseId
from schemas.release_manifest import LogRange
from schemas.retrain_request import RetrainRequest


class _Looked(NamedTuple):
    """The last of the longer looks."""

    at: datetime
    due: datetime | None
    request_ids: frozenset[str]


class CycleReasons:
    """Looks for reasons."""

    def __init__(
        self,
        settings: RetrainSettings,
        redis: Client,
        cron: CronTimes | None,
        requests: RequestTopic,
        metrics: RetrainMetrics,
        clock: Callable[[], datetime],
    ) -> None:
        self._settings = settings
        self._redis = redis
        self._cron = cron
        self._requests = requests
        self._metrics = metrics
        self._clock = clock
        self._due_times = DueTimes(redis)
        self._shown_at: datetime | None = None
        self._work = WorkFolder(settings.retrain_work)
        self._hit_rate = HitRateWatch(settings.retrain_hit_rate_drop, settings.retrain_hit_rate_predictions)
        self._looked: _Looked | None = None
        self._was_locked = False
        self._slow = Reasons()
        self._running: ReleaseId | None = None
        """What ran at the last longer look."""

    async def look(self) -> Reasons | None:
        """What speaks for a cycle now; None while one runs elsewhere.

        Raises:
            UsageError: the record of the work folder cannot be read.
            Unavailable: Kafka, Redis or the releases do not answer.
        """
        now = self._clock()
        # Before the board: whoever gives the lock back has written there what came of the cycle.
        locked = await asyncio.to_thread(is_locked, self._redis)
        if self._was_locked and not locked:
            self._looked = None
        self._was_locked = locked
        requests = await self._requests.look(())
        due = self._cron.due(self._due_times.taken(now), now) if self._cron else None
        if self._is_time_for_more(now, due, requests):
            board = await asyncio.to_thread(read_board, self._redis)
            running = await self._show(board)
            requests = await self._requests.look(_answered(board))
            self._slow = await self._look_slowly(running)
            self._looked = _Looked(now, due, _ids(requests))
        if locked:
            return None
        return replace(self._slow, unfinished=self._unfinished(), requests=requests, due=due)

    def _is_time_for_more(
        self, now: datetime, due: datetime | None, requests: Sequence[RetrainRequest]
    ) -> bool:
        """Whether the last of the longer looks is too old, or saw less than is there now."""
        seen = self._looked
        if seen is None or now - seen.at >= timedelta(seconds=self._settings.retrain_poll_s):
            return True
        return due not in (None, seen.due) or not _ids(requests) <= seen.request_ids

    async def keep_reading(self) -> None:
        """Take requests while a cycle runs, so that the group keeps this process; show what it has marked.

        Raises:
            Unavailable: Kafka or Redis does not answer.
        """
        await self._requests.look(())
        now = self._clock()
        poll = timedelta(seconds=self._settings.retrain_poll_s)
        if self._shown_at is None or now - self._shown_at >= poll:
            board = await asyncio.to_thread(read_board, self._redis)
            await self._show(board)
            self._shown_at = now

    async def take(self, due: datetime) -> bool:
        """Take a scheduled time; False where another process has.

        Raises:
            Unavailable: Redis does not answer.
        """
        return await asyncio.to_thread(self._due_times.take, due)

    async def give_back(self, due: datetime, began: datetime) -> None:
        """A cycle that was begun then has failed: its time is due again if it opened no record.

        Raises:
            UsageError: the record of the work folder cannot be read.
            Unavailable: Redis does not answer.
        """
        record = self._work.record()
        if record is None or record.started_at < began:
            await asyncio.to_thread(self._due_times.give_back, due)

    def begun(self) -> None:
        """A cycle begins: what was counted for it counts for no other."""
        self._looked = None
        self._slow = Reasons()

    async def _show(self, board: Board) -> RunningRelease | None:
        """The release that workers follow now, as the metrics then say too."""
        settings = self._settings
        announced = await asyncio.to_thread(read_running, kafka_arguments(settings), settings.releases_topic)
        running = running_now(board.running, announced)
        self._metrics.serves(running, board.history, self._clock)
        return running

    async def _look_slowly(self, running: RunningRelease | None) -> Reasons:
        ranges = await asyncio.to_thread(self._ranges, running)
        new = await count_new_events(self._settings, ranges)
        self._metrics.new_events.set(new)
        release_id = None if running is None else running.release_id
        # Until a cycle begins, which may have to wait, or another release runs, which has a rate of its own.
        fell = self._slow.hit_rate if release_id == self._running else ""
        self._running = release_id
        if running is not None and self._settings.retrain_hit_rate_drop:
            workers = await asyncio.to_thread(live_workers, self._redis)
            fell = self._hit_rate.look(running.release_id, workers) or fell
        return Reasons(new_events=new, hit_rate=fell)

    def _ranges(self, running: RunningRelease | None) -> list[LogRange]:
        """What the running release was made from; nothing where that is not known."""
        if running is None:
            return []
        try:
            manifest = read_release_manifest(self._settings.releases, running.release_id)
        except InvalidRelease:
            return []
        return manifest.data.log_ranges or []

    def _unfinished(self) -> str:
        record = self._work.record()
        return "" if record is None or record.closed else record.cycle_id


def _answered(board: Board) -> set[str]:
    over = [one for one in board.history if one.outcome != "abandoned"]
    return {request_id for one in over for request_id in one.request_ids}


def _ids(requests: Sequence[RetrainRequest]) -> frozenset[str]:
    return frozenset(one.request_id for one in requests)
