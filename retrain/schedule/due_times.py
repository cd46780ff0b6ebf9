"""Which scheduled time was answered last, over all retrain processes: each is taken once.

Writer: of `schemas.redis_keys.SCHEDULE_DUE`. Caller: `retrain.schedule.retrain_service`.
"""

from datetime import UTC, datetime

from retrain.cycle.retrain_redis import Client, asked
from schemas.redis_keys import SCHEDULE_DUE

_TAKE = """
local taken = redis.call('GET', KEYS[1])
if taken and tonumber(taken) >= tonumber(ARGV[1]) then return 0 end
redis.call('SET', KEYS[1], ARGV[1])
return 1
"""
_GIVE_BACK = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('SET', KEYS[1], ARGV[1] - 1)
return 1
"""


class DueTimes:
    """The last answered time, in Redis."""

    def __init__(self, redis: Client) -> None:
        self._redis = redis

    def taken(self, now: datetime) -> datetime:
        """The last answered time; where there is none yet, the schedule begins now.

        Raises:
            Unavailable: Redis does not answer.
        """
        asked(lambda: self._redis.set(SCHEDULE_DUE, int(now.timestamp()), nx=True))
        return datetime.fromtimestamp(int(asked(lambda: self._redis.get(SCHEDULE_DUE))), UTC)

    def take(self, due: datetime) -> bool:
        """Take a time with all before it; False where another process has.

        Raises:
            Unavailable: Redis does not answer.
        """
        return bool(asked(lambda: self._redis.eval(_TAKE, 1, SCHEDULE_DUE, int(due.timestamp()))))

    def give_back(self, due: datetime) -> None:
        """A time that was taken is due again, unless a later one was taken since.

        Raises:
            Unavailable: Redis does not answer.
        """
        asked(lambda: self._redis.eval(_GIVE_BACK, 1, SCHEDULE_DUE, int(due.timestamp())))
