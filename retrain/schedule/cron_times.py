"""The times of a schedule: cron's five fields in a time zone, with daylight saving as Debian's cron has it.

A time that the clocks leave out in spring comes at once after the gap, one that comes twice in autumn counts
once; schedules with `*` for the hour follow real time. Owns no state. Caller: `retrain.schedule.agenda`.
"""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from cronsim import CronSim

_LOOKS_BACK = (timedelta(hours=2), timedelta(days=2), timedelta(days=70))
"""The last time is looked for so far back, one after the other: a dense schedule has it near."""


class CronTimes:
    """When cycles are due."""

    def __init__(self, expression: str, timezone: str, jitter_s: float, name: str) -> None:
        """Take a schedule.

        Args:
            expression: see `retrain.schedule_settings.check_cron`.
            timezone: a name that `zoneinfo` knows.
            jitter_s: the most by which a time is put off.
            name: of this process: each puts the same time off by another length.
        """
        self._expression = expression
        self._zone = ZoneInfo(timezone)
        self._jitter_s = jitter_s
        self._name = name

    def next(self, after: datetime) -> datetime:
        """The first time behind another."""
        return next(CronSim(self._expression, after.astimezone(self._zone))).astimezone(UTC)

    def due(self, taken: datetime, now: datetime) -> datetime | None:
        """The time that a cycle now would answer, with all those before it; None where none is due.

        Args:
            taken: the last time that a cycle has answered.
            now: the present.
        """
        first = self.next(taken)
        if first + self._put_off(first) > now:
            return None
        return self._last(taken, now)

    def starts(self, after: datetime) -> datetime:
        """When the next cycle begins, where that of a time was answered."""
        first = self.next(after)
        return first + self._put_off(first)

    def _last(self, taken: datetime, now: datetime) -> datetime:
        for back in _LOOKS_BACK:
            if now - back <= taken:
                break
            found = self._last_between(now - back, now)
            if found is not None:
                return found
        last = self._last_between(taken, now)
        assert last is not None, "the first one is there"
        return last

    def _last_between(self, after: datetime, now: datetime) -> datetime | None:
        last, at = None, self.next(after)
        while at <= now:
            last, at = at, self.next(at)
        return last

    def _put_off(self, due: datetime) -> timedelta:
        by_chance = random.Random(f"{self._name} {due.isoformat()}")
        return timedelta(seconds=by_chance.uniform(0, self._jitter_s))
