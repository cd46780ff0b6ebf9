"""The board: what retrain says of its cycles in Redis, for people and for other processes.

Owns these keys and that only the holder of the lock writes them; and that what was marked running counts only
as long as nothing else was announced. Writer: of `schemas.redis_keys`
`CYCLE_CURRENT`, `CYCLE_HISTORY` and `RUNNING_RELEASE`. Readers: `millrace retrain status`,
`retrain.schedule`. Caller: `retrain.cycle.run_cycle`.
"""

from typing import NamedTuple, TypeVar

import msgspec

from retrain.cycle.retrain_redis import Client, asked
from schemas.cycle_status import CycleStatus, CycleSummary, RunningRelease
from schemas.errors import Unavailable
from schemas.redis_keys import CYCLE_CURRENT, CYCLE_HISTORY, CYCLE_LOCK, RUNNING_RELEASE
from schemas.release_announcement import ReleaseAnnouncement

T = TypeVar("T")
# Each begins alike: who does not hold the lock writes nothing.
_HELD = "if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end\n"
_SET = _HELD + "redis.call('SET', KEYS[2], ARGV[2]) return 1"
_END = (
    _HELD
    + """
redis.call('DEL', KEYS[2])
redis.call('HSET', KEYS[3], ARGV[2], ARGV[3])
local ids = redis.call('HKEYS', KEYS[3])
table.sort(ids)
for at = 1, #ids - tonumber(ARGV[4]) do redis.call('HDEL', KEYS[3], ids[at]) end
return 1
"""
)


class Board(NamedTuple):
    """All that stands on the board."""

    lock: str | None
    """Who holds the lock; None: nobody."""
    current: CycleStatus | None
    history: list[CycleSummary]
    """The newest first."""
    running: RunningRelease | None
    """What a cycle has marked last; whether it still runs says `running_now`."""


class StatusBoard:
    """Writes the board, for the holder of the lock."""

    def __init__(self, redis: Client, lock_value: str, kept: int) -> None:
        """Begin.

        Args:
            redis: `retrain.cycle.retrain_redis`.
            lock_value: see `retrain.cycle.cycle_lock.CycleLock`.
            kept: how many cycles the history keeps.
        """
        self._redis = redis
        self._lock_value = lock_value
        self._kept = kept

    def now_at(self, status: CycleStatus) -> None:
        """The cycle has begun a step."""
        self._run(_SET, [CYCLE_CURRENT], msgspec.json.encode(status))

    def runs(self, running: RunningRelease) -> None:
        """Every live worker has reported a release."""
        self._run(_SET, [RUNNING_RELEASE], msgspec.json.encode(running))

    def over(self, summary: CycleSummary) -> None:
        """The cycle is over; to say so twice changes nothing."""
        line = msgspec.json.encode(summary)
        self._run(_END, [CYCLE_CURRENT, CYCLE_HISTORY], summary.cycle_id, line, self._kept)

    def running(self) -> RunningRelease | None:
        """The release that was marked running last.

        Raises:
            Unavailable: Redis does not answer.
        """
        return read_board(self._redis).running

    def _run(self, script: str, keys: list[str], *values: bytes | str | int) -> None:
        """Write, or raise `Unavailable`: the lock is lost, or Redis does not answer."""
        arguments = [len(keys) + 1, CYCLE_LOCK, *keys, self._lock_value, *values]
        if not asked(lambda: self._redis.eval(script, *arguments)):
            raise Unavailable("the lock of the retrain cycle was lost: another process has taken it")


def read_board(redis: Client) -> Board:
    """What stands there now; what another version has written and this one cannot read is left out.

    Raises:
        Unavailable: Redis does not answer.
    """
    lock, current, running = asked(lambda: redis.mget([CYCLE_LOCK, CYCLE_CURRENT, RUNNING_RELEASE]))
    lines = asked(lambda: redis.hvals(CYCLE_HISTORY))
    history = [one for line in lines if (one := _decoded(line, CycleSummary)) is not None]
    return Board(
        lock=lock.decode().split(" ", 2)[-1] if lock else None,
        current=_decoded(current, CycleStatus),
        history=sorted(history, key=lambda one: one.cycle_id, reverse=True),
        running=_decoded(running, RunningRelease),
    )


def running_now(
    marked: RunningRelease | None, announced: ReleaseAnnouncement | None
) -> RunningRelease | None:
    """The release that workers follow, and what a cycle has marked of it.

    The announcements say which: who promotes or rolls back by hand, or by a watch, marks nothing.

    Args:
        marked: what stands on the board.
        announced: `retrain.releases.announcing.read_running`.
    """
    if announced is None:
        return None
    which = (announced.release_id, announced.generation)
    if marked is not None and (marked.release_id, marked.generation) == which:
        return marked
    newest = marked.newest_event_at if marked and marked.release_id == announced.release_id else None
    return RunningRelease(
        release_id=announced.release_id,
        generation=announced.generation,
        marked_at=announced.announced_at,
        newest_event_at=newest,
    )


def _decoded(value: bytes | None, kind: type[T]) -> T | None:
    try:
        return None if value is None else msgspec.json.decode(value, type=kind)
    except msgspec.DecodeError:
        return None
