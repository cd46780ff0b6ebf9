"""The SessionStore on Redis: one MGET to load, one script to save, per bucket.

Writer: this module alone writes the keys `state`, `latest`, `user` and `watermark`. Readers: this module;
`streams.lookup` reads `latest` and, to erase, `state` and `user`.
The save script is the one compare-and-set of the design: a partition's watermark, states and lists change
together or not at all.
"""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any, cast

import msgspec
import structlog
from aiokafka import TopicPartition
from redis.asyncio import Redis

from schemas.errors import UsageError
from schemas.ids import SessionId
from schemas.redis_keys import BUCKETS, bucket_of, by_bucket, latest_key, state_key, user_key, watermark_key
from schemas.session_state import SessionState, decode_session_state, encode_session_state
from schemas.watermark import written_watermark
from streams.micro_batch import Watermarks
from streams.redis_clients import answered
from streams.session_store import Loaded, UnitSave, loaded_of

log = structlog.get_logger("millrace.redis")

# A unit is compared and written as one. KEYS, per unit: its watermarks, then the keys to write. ARGV: the TTL
# in seconds, then per unit the number of watermarks, an expected and a new one for each (see
# `schemas.watermark`; no number for none), the number of keys to write, and a value for each ('' deletes).
# A stored watermark that counts in another topic is none. Then, per unit, the number of users' session sets
# (their keys follow those to write), and for each a session id and whether it is in the set: '1' or '0'.
_SAVE = """
local function parts(mark) return string.match(mark, '^(%d*)@?(.*)$') end
local ttl, refused = ARGV[1], {}
local key, arg = 1, 2
while key <= #KEYS do
  local marks = tonumber(ARGV[arg])
  local values = arg + 2 * marks + 1
  local count = tonumber(ARGV[values])
  local raw, stored, equal = {}, {}, true
  for i = 1, marks do
    raw[i] = redis.call('GET', KEYS[key + i - 1]) or ''
    local expected, topic = parts(ARGV[arg + 2 * i - 1])
    local offset, counted_in = parts(raw[i])
    stored[i] = (topic == '' or counted_in == '' or topic == counted_in) and offset or ''
    equal = equal and stored[i] == expected
  end
  for i = 1, marks do
    local new = ARGV[arg + 2 * i]
    if not equal then
      refused[#refused + 1] = KEYS[key + i - 1]
      refused[#refused + 1] = stored[i]
    elseif new ~= raw[i] and parts(new) ~= '' then
      redis.call('SET', KEYS[key + i - 1], new)
    end
  end
  for i = 1, equal and count or 0 do
    local name, value = KEYS[key + marks + i - 1], ARGV[values + i]
    if value == '' then
      redis.call('DEL', name)
    else
      redis.call('SET', name, value, 'EX', ttl)
    end
  end
  local sets = tonumber(ARGV[values + count + 1])
  for i = 1, equal and sets or 0 do
    local name, session = KEYS[key + marks + count + i - 1], ARGV[values + count + 2 * i]
    if ARGV[values + count + 2 * i + 1] == '1' then
      redis.call('SADD', name, session)
      redis.call('EXPIRE', name, ttl)
    else
      redis.call('SREM', name, session)
    end
  end
  key, arg = key + marks + count + sets, values + count + 2 + 2 * sets
end
return refused
"""


class RedisSessionStore:
    """Sessions in Redis, under the keys of `schemas.redis_keys`."""

    def __init__(
        self, redis: "Redis", buckets: int, ttl_s: int, topic_ids: Mapping[str, str] | None = None
    ) -> None:
        """Use a client; it is neither opened nor closed here.

        Args:
            redis: a client that returns bytes.
            buckets: see `schemas.redis_keys.bucket_of`; fixed for the life of the data.
            ttl_s: how long states and lists live after their last event; watermarks live on.
            topic_ids: by topic, the id that it has now; looked up at every load and save. None: no ids.
        """
        self.buckets = buckets
        self._redis = redis
        self._ttl_s = ttl_s
        self._topic_ids = {} if topic_ids is None else topic_ids
        self._save_script = redis.register_script(_SAVE)

    async def check(self) -> None:
        """Compare the number of buckets with the one that this Redis was first used with.

        Raises:
            UsageError: they differ.
            Unavailable: Redis does not answer.
        """
        await answered(self._redis.set(BUCKETS, self.buckets, nx=True))
        stored = int(await answered(self._redis.get(BUCKETS)) or self.buckets)
        if stored != self.buckets:
            raise UsageError(
                f"MILLRACE_REDIS_BUCKETS={self.buckets}: this Redis was first used with {stored}; "
                f"set it to {stored}, or start with an empty Redis"
            )

    async def load(self, partitions: Collection[TopicPartition], sessions: Collection[SessionId]) -> Loaded:
        """See `SessionStore.load`: one MGET per bucket."""
        grouped = by_bucket(sessions, self.buckets)
        answers = await asyncio.gather(
            *(
                self._load_bucket(bucket, partitions, grouped.get(bucket, []))
                for bucket in range(self.buckets)
            )
        )
        states = {session: state for _, found in answers for session, state in found.items()}
        return loaded_of(partitions, [marks for marks, _ in answers], self._topic_ids, states)

    async def save(self, saves: Collection[UnitSave]) -> dict[TopicPartition, Watermarks]:
        """See `SessionStore.save`: one script per bucket."""
        answers = await asyncio.gather(*(self._save_bucket(bucket, saves) for bucket in range(self.buckets)))
        return {
            partition: tuple(
                answer.get(partition, save.new[partition][bucket]) for bucket, answer in enumerate(answers)
            )
            for save in saves
            for partition in save.expected
            if any(partition in answer for answer in answers)
        }

    async def _load_bucket(
        self, bucket: int, partitions: Collection[TopicPartition], sessions: list[SessionId]
    ) -> tuple[list[bytes | None], dict[SessionId, SessionState]]:
        keys = [watermark_key(bucket, *partition) for partition in partitions]
        keys += [state_key(bucket, session) for session in sessions]
        if not keys:
            return [], {}
        values = cast("list[bytes | None]", await answered(self._redis.mget(keys)))
        stored = zip(sessions, values[len(partitions) :], strict=True)
        return values[: len(partitions)], {
            session: state for session, value in stored if value is not None and (state := _decoded(value))
        }

    async def _save_bucket(
        self, bucket: int, saves: Collection[UnitSave]
    ) -> dict[TopicPartition, int | None]:
        keys: list[str] = []
        arguments: list[Any] = [self._ttl_s]
        names = {watermark_key(bucket, *one): one for save in saves for one in save.expected}
        for save in saves:
            values = self._values(bucket, save)
            owned = [one for one in save.owned if bucket_of(one[1], self.buckets) == bucket]
            keys += [*(watermark_key(bucket, *partition) for partition in save.expected), *values]
            keys += [user_key(bucket, user) for user, _ in owned]
            arguments.append(len(save.expected))
            for partition, expected in save.expected.items():
                topic_id = self._topic_ids.get(partition.topic, "")
                marks = (expected[bucket], save.new[partition][bucket])
                arguments += [written_watermark(mark, topic_id) for mark in marks]
            arguments += [len(values), *values.values(), len(owned)]
            for user, session in owned:
                arguments += [session, int(save.owned[user, session])]
        answer: list[bytes] = await answered(self._save_script(keys, arguments))
        pairs = zip(answer[::2], answer[1::2], strict=True)
        return {names[key.decode()]: int(stored) if stored else None for key, stored in pairs}

    def _values(self, bucket: int, save: UnitSave) -> dict[str, bytes]:
        """Key -> value of the bucket's part of a save; b"" deletes."""
        values: dict[str, bytes] = {}
        for session, state in save.states.items():
            if bucket_of(session, self.buckets) == bucket:
                values[state_key(bucket, session)] = b"" if state is None else encode_session_state(state)
                if state is None:
                    values[latest_key(bucket, session)] = b""
        for session, latest in save.latest.items():
            if bucket_of(session, self.buckets) == bucket:
                values[latest_key(bucket, session)] = latest
        return values


def _decoded(value: bytes) -> SessionState | None:
    """The state, or None where the bytes are none.

    The session then starts anew, which loses less than stopping.
    """
    try:
        return decode_session_state(value)
    except msgspec.DecodeError as error:
        log.warning("stored session state cannot be read, the session starts anew", error=str(error))
        return None
