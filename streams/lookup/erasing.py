"""Which erase events a request to forget somebody needs: of a session, or of all sessions of a user.

Owns what is asked of Redis for it; it deletes nothing: the worker does, in the order of the log. Caller:
`streams.lookup.erase_routes`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, cast

import msgspec
from redis.asyncio import Redis

from schemas.ids import SessionId, UserId
from schemas.item_event import EraseSession
from schemas.redis_keys import by_bucket, latest_key, state_key, user_key
from schemas.session_state import decode_session_state
from streams.lookup.erase_producer import EraseProducer, Erasure
from streams.redis_clients import available

Stored = tuple[bytes | None, bytes | None]
"""A session's state and its latest list."""


class _Owner(msgspec.Struct):
    """What is read of a latest list."""

    user_id: UserId | None = None


_OWNER = msgspec.json.Decoder(_Owner)


class Erasing:
    """Finds the sessions and produces an erase event for each."""

    def __init__(
        self, redis: "Redis", buckets: int, producer: EraseProducer, clock: Callable[[], float]
    ) -> None:
        """Use clients; they are neither opened nor closed here.

        Args:
            redis: a client that returns bytes.
            buckets: see `schemas.redis_keys.bucket_of`.
            producer: of the events.
            clock: the time, epoch seconds.
        """
        self._redis = redis
        self._buckets = buckets
        self._producer = producer
        self._clock = clock

    async def erase_session(self, session_id: SessionId) -> int:
        """Have one session erased, whether or not anything of it is stored.

        Returns:
            How many sessions are being erased: 1.

        Raises:
            Unavailable: Redis or Kafka does not answer.
        """
        stored = await self._stored([session_id])
        return await self._erase(stored, _user_of(stored[session_id][1]), whole_user=False)

    async def erase_user(self, user_id: UserId) -> int:
        """Have all sessions erased that the user has had within the states' time to live.

        Returns:
            How many they are.

        Raises:
            Unavailable: Redis or Kafka does not answer.
        """
        members = await asyncio.gather(
            *(
                available(cast(Awaitable[Any], self._redis.smembers(user_key(bucket, user_id))))
                for bucket in range(self._buckets)
            )
        )
        sessions = [SessionId(one.decode()) for bucket in members for one in sorted(bucket)]
        return await self._erase(await self._stored(sessions), user_id, whole_user=True)

    async def _erase(self, stored: dict[SessionId, Stored], user_id: UserId | None, whole_user: bool) -> int:
        now_ms = int(1000 * self._clock())
        erasures = [
            Erasure(
                EraseSession(
                    session_id=session, occurred_at_ms=now_ms, user_id=user_id, whole_user=whole_user
                ),
                _home(state),
            )
            for session, (state, _) in stored.items()
        ]
        if erasures:
            await self._producer.produce(erasures)
        return len(erasures)

    async def _stored(self, sessions: Sequence[SessionId]) -> dict[SessionId, Stored]:
        parts = await asyncio.gather(
            *(self._stored_in(bucket, some) for bucket, some in by_bucket(sessions, self._buckets).items())
        )
        return {session: stored for part in parts for session, stored in part.items()}

    async def _stored_in(self, bucket: int, sessions: Sequence[SessionId]) -> dict[SessionId, Stored]:
        keys = [key(bucket, session) for session in sessions for key in (state_key, latest_key)]
        values = cast("list[bytes | None]", await available(self._redis.mget(keys)))
        pairs = zip(values[::2], values[1::2], strict=True)
        return dict(zip(sessions, pairs, strict=True))


def _home(state: bytes | None) -> int | None:
    """The partition that the session's events come from; None where no state tells it."""
    try:
        return None if state is None else decode_session_state(state).home_partition
    except msgspec.DecodeError:
        return None


def _user_of(latest: bytes | None) -> UserId | None:
    try:
        return None if latest is None else _OWNER.decode(latest).user_id
    except msgspec.DecodeError:
        return None
