"""The lock that lets only one cycle run, over all machines: in Redis, with a fencing token.

Owns taking, renewing and giving it back. The token is a number that only rises; the lock's value has a nonce
beside it, so that a Redis which has lost its data hands nobody a lock that another still believes in. Whoever
has lost it is told by `check`, which compares in Redis: the cycle calls it before it publishes and before it
announces. What a process may do that is stopped between `check` and the announcement, see
`retrain.cycle.announce_steps`. Writer: of `schemas.redis_keys.CYCLE_LOCK` and `CYCLE_FENCE`. Caller:
`retrain.cycle.run_cycle`.
"""

import threading
import time
import uuid
from collections.abc import Callable
from typing import NamedTuple

from retrain.cycle.retrain_redis import Client, asked
from schemas.errors import Unavailable, UsageError
from schemas.redis_keys import CYCLE_FENCE, CYCLE_LOCK

_RENEWALS_PER_TTL = 3
_LOOK_S = 0.1

# Answers the token, or the holder's value and the lock's time to live in ms.
_TAKE = """
local held = redis.call('GET', KEYS[1])
if held then return {0, held, redis.call('PTTL', KEYS[1])} end
local token = redis.call('INCR', KEYS[2])
redis.call('SET', KEYS[1], token .. ' ' .. ARGV[1], 'PX', ARGV[2])
return {token, '', 0}
"""
# Where the lock has expired and nobody has taken it since, the counter still shows the holder's token; where
# a failover lost what its replica had not yet, it shows the token before, or none. (Who took the same token
# behind a failover and gave it back since is not seen: the announcement's generation is.)
_RENEW = """
local held = redis.call('GET', KEYS[1])
if held == ARGV[1] then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
  return 1
end
if held then return 0 end
local counter = tonumber(redis.call('GET', KEYS[2])) or 0
if counter == tonumber(ARGV[2]) or counter == ARGV[2] - 1 or counter == 0 then
  redis.call('SET', KEYS[2], ARGV[2])
  redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[3])
  return 1
end
return 0
"""
_GIVE_BACK = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class Held(NamedTuple):
    """A lock that somebody holds."""

    holder: str
    ttl_s: float


class CycleLock:
    """The lock, held; renewed by a thread until it is given back."""

    def __init__(self, redis: Client, token: int, value: str, ttl_s: float) -> None:
        self._redis = redis
        self.token = token
        self.value = value
        """What stands in Redis while it is held."""
        self._ttl_s = ttl_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._keep, name="cycle-lock", daemon=True)
        self._thread.start()

    def check(self) -> None:
        """Make sure, in Redis, that the lock is held now; it is then held for its whole TTL.

        Raises:
            Unavailable: another process has it, or Redis does not answer.
        """
        if not self._renewed():
            raise Unavailable(
                f"the lock of the retrain cycle was lost (token {self.token}): it was not renewed for "
                f"{self._ttl_s:g} s (MILLRACE_RETRAIN_LOCK_TTL_S), or Redis lost it, and another process has "
                "taken it"
            )

    def give_back(self) -> None:
        """Let the next cycle run; what cannot be deleted now expires."""
        self._stop.set()
        self._thread.join()
        try:
            asked(lambda: self._redis.eval(_GIVE_BACK, 1, CYCLE_LOCK, self.value))
        except Unavailable:
            return

    def _renewed(self) -> bool:
        ttl_ms = int(1000 * self._ttl_s)
        arguments = (2, CYCLE_LOCK, CYCLE_FENCE, self.value, self.token, ttl_ms)
        return bool(asked(lambda: self._redis.eval(_RENEW, *arguments)))

    def _keep(self) -> None:
        """Renew it; a Redis that is away is tried again, a lock that is lost is lost."""
        while not self._stop.wait(self._ttl_s / _RENEWALS_PER_TTL):
            try:
                if not self._renewed():
                    return
            except (Unavailable, UsageError):
                continue


def take_lock(
    redis: Client,
    holder: str,
    ttl_s: float,
    say: Callable[[str], None] = lambda _: None,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> CycleLock:
    """Take the lock; one that nobody renews any more is waited for, it expires soon.

    Args:
        redis: `retrain.cycle.retrain_redis`.
        holder: who asks, in words.
        ttl_s: how long a holder is believed in that does not renew it.
        say: told once that and for whom it waits.
        clock: seconds.
        sleep: waits.

    Raises:
        UsageError: another process holds it, and is alive.
        Unavailable: Redis does not answer.
    """
    held, waited_since = None, clock()
    while True:
        taken = _try(redis, holder, ttl_s)
        if isinstance(taken, CycleLock):
            return taken
        if held is None:
            held = taken
            say(
                f"the lock is held by {held.holder}; if it was killed, its lock expires in {held.ttl_s:.0f} s"
            )
        elif taken.ttl_s > held.ttl_s or taken.holder != held.holder or clock() - waited_since > 2 * ttl_s:
            raise UsageError(
                f"a retrain cycle runs already: {taken.holder}; see `millrace retrain status`, and try again "
                "later"
            )
        held = taken
        sleep(_LOOK_S)


def is_locked(redis: Client) -> bool:
    """Whether a cycle runs anywhere now.

    Raises:
        Unavailable: Redis does not answer.
    """
    return bool(asked(lambda: redis.exists(CYCLE_LOCK)))


def _try(redis: Client, holder: str, ttl_s: float) -> CycleLock | Held:
    nonce = f"{uuid.uuid4().hex} {holder}"
    answer = asked(lambda: redis.eval(_TAKE, 2, CYCLE_LOCK, CYCLE_FENCE, nonce, int(1000 * ttl_s)))
    token, held, ttl_ms = int(answer[0]), answer[1].decode(), int(answer[2])
    if token:
        return CycleLock(redis, token, f"{token} {nonce}", ttl_s)
    return Held(held.split(" ", 2)[-1], ttl_ms / 1000)
