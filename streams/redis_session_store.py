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
from streams.save_script import SAVE
from streams.session_store import Loaded, UnitSave, loaded_of

log = structlog.get_logger("millrace.redis")


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
        self._save_script = redis.register_script(SAVE)

    async def check(self) -> None:
        """Compare the number of buckets with the one that this Redis was first used with.

        Only a new Redis is written to, for a full one refuses even what would change nothing.

        Raises:
            UsageError: they differ.
            Unavailable: Redis does not answer.
        """
        if not await answered(self._redis.exists(BUCKETS)):
            await answered(self._redis.set(BUCKETS, self.buckets, nx=True))
        stored = int(await answered(self._redis.get(BUCKETS)) or self.buckets)
        if stored != self.buckets:
            raise UsageError(
                f"MILLRACE_REDIS_BUCKETS={self.buckets}: this Redis was first used with {stored}; "
                f"set it to {stored}, or start with an empty Redis"
            )

    async def load(
        self,
        partitions: Collection[TopicPartition],
        sessions: Collection[SessionId],
        buckets: Mapping[int, Collection[int]] | None = None,
    ) -> Loaded:
        """See `SessionStore.load`: one MGET per bucket."""
        grouped = by_bucket(sessions, self.buckets)
        answers = await asyncio.gather(
            *(
                self._load_bucket(
                    bucket,
                    [one for one in partitions if buckets is None or bucket in buckets[one.partition]],
                    grouped.get(bucket, []),
                )
                for bucket in range(self.buckets)
            )
        )
        states = {session: state for _, found in answers for session, state in found.items()}
        marks = [[found.get(one) for one in partitions] for found, _ in answers]
        return loaded_of(partitions, marks, self._topic_ids, states)

    async def save(self, saves: Collection[UnitSave]) -> dict[TopicPartition, Watermarks]:
        """See `SessionStore.save`: one script per bucket."""
        answers = await asyncio.gather(
            *(
                self._save_bucket(
                    bucket, [one for one in saves if one.buckets is None or bucket in one.buckets]
                )
                for bucket in range(self.buckets)
            )
        )
        return {
            partition: tuple(
                answer.get(partition, save.new[partition][bucket]) for bucket, answer in enumerate(answers)
            )
            for save in saves
            for partition in save.expected
            if any(partition in answer for answer in answers)
        }

    async def _load_bucket(
        self, bucket: int, partitions: list[TopicPartition], sessions: list[SessionId]
    ) -> tuple[dict[TopicPartition, bytes | None], dict[SessionId, SessionState]]:
        keys = [watermark_key(bucket, *partition) for partition in partitions]
        keys += [state_key(bucket, session) for session in sessions]
        if not keys:
            return {}, {}
        values = cast("list[bytes | None]", await answered(self._redis.mget(keys)))
        stored = zip(sessions, values[len(partitions) :], strict=True)
        return dict(zip(partitions, values, strict=False)), {
            session: state for session, value in stored if value is not None and (state := _decoded(value))
        }

    async def _save_bucket(self, bucket: int, saves: list[UnitSave]) -> dict[TopicPartition, int | None]:
        if not saves:
            return {}
        keys: list[str] = []
        arguments: list[Any] = [self._ttl_s]
        names = {watermark_key(bucket, *one): one for save in saves for one in save.expected}
        for save in saves:
            self._add_unit(bucket, save, keys, arguments)
        answer: list[bytes] = await answered(self._save_script(keys, arguments))
        pairs = zip(answer[::2], answer[1::2], strict=True)
        return {names[key.decode()]: int(stored) if stored else None for key, stored in pairs}

    def _add_unit(self, bucket: int, save: UnitSave, keys: list[str], arguments: list[Any]) -> None:
        """The bucket's part of a save, as the script reads it."""
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
