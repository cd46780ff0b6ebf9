"""A store of several buckets in memory, and an emitter, whose operations wait at gates until a test says go.

Each bucket is loaded and saved by itself, all at the same time, as `RedisSessionStore` does. Workers share
the buckets; each has gates of its own.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from typing import Literal, TypeVar

from aiokafka import TopicPartition

from schemas.errors import Unavailable
from schemas.ids import SessionId
from schemas.redis_keys import bucket_of, by_bucket
from streams.emitter import OutgoingMessage
from streams.memory_session_store import MemorySessionStore
from streams.micro_batch import Watermarks
from streams.session_store import Loaded, UnitSave
from tests.streams.memory_emitter import MemoryEmitter

T = TypeVar("T")
Passage = Literal["go", "slow", "fail", "lost"]
"""It happens; it happens and its answer waits at the gate anew; it does not happen; its answer is lost."""


Operation = Literal["load", "emit", "save"]
ALL: frozenset[Operation] = frozenset(("load", "emit", "save"))


class Gates:
    """The operations of one worker that wait.

    Attributes:
        waiting: one for each, in the order in which they came.
        open: what need not wait.
    """

    def __init__(self, are_open: frozenset[Operation]) -> None:
        self.waiting: list[asyncio.Future[Passage]] = []
        self.open = are_open

    def let_all_pass(self) -> None:
        """Those that wait now go."""
        for gate in self.waiting:
            gate.set_result("go")

    async def passed(self, kind: Operation, operation: Callable[[], Awaitable[T]]) -> T:
        """Wait, then do it.

        Raises:
            Unavailable: it fails, or its answer is lost.
        """
        how = await self._waited(kind)
        if how == "fail":
            raise Unavailable("told to fail")
        result = await operation()
        if how == "slow":
            how = await self._waited(kind)
        if how in ("lost", "fail"):
            raise Unavailable("the answer was told to be lost")
        return result

    async def _waited(self, kind: Operation) -> Passage:
        if kind in self.open:
            return "go"
        gate: asyncio.Future[Passage] = asyncio.get_running_loop().create_future()
        self.waiting.append(gate)
        try:
            return await gate
        finally:
            self.waiting.remove(gate)


class GatedStore:
    """The contract of `SessionStore` over the buckets, for one worker."""

    def __init__(self, shared: Sequence[MemorySessionStore], gates: Gates) -> None:
        self.buckets = len(shared)
        self._shared = shared
        self._gates = gates

    async def load(
        self,
        partitions: Collection[TopicPartition],
        sessions: Collection[SessionId],
        buckets: Mapping[int, Collection[int]] | None = None,
    ) -> Loaded:
        """See `SessionStore.load`."""
        grouped = by_bucket(sessions, self.buckets)

        async def load(bucket: int) -> Loaded:
            read = [one for one in partitions if buckets is None or bucket in buckets[one.partition]]
            if not read and bucket not in grouped:
                return Loaded({}, {})
            shared, its_sessions = self._shared[bucket], grouped.get(bucket, [])
            return await self._gates.passed("load", lambda: shared.load(read, its_sessions))

        answers = await asyncio.gather(*map(load, range(self.buckets)))
        unread: Watermarks = (None,)
        return Loaded(
            {one: tuple(answer.watermarks.get(one, unread)[0] for answer in answers) for one in partitions},
            {session: state for answer in answers for session, state in answer.states.items()},
            {
                one: frozenset().union(*(answer.topic_ids.get(one, ()) for answer in answers))
                for one in partitions
            },
        )

    async def save(self, saves: Collection[UnitSave]) -> dict[TopicPartition, Watermarks]:
        """See `SessionStore.save`."""

        async def write(bucket: int) -> dict[TopicPartition, Watermarks]:
            touching = [save for save in saves if save.buckets is None or bucket in save.buckets]
            if not touching:
                return {}
            shared, parts = self._shared[bucket], [self._part(bucket, save) for save in touching]
            return await self._gates.passed("save", lambda: shared.save(parts))

        answers = await asyncio.gather(*map(write, range(self.buckets)))
        return {
            one: tuple(
                answer[one][0] if one in answer else save.new[one][bucket]
                for bucket, answer in enumerate(answers)
            )
            for save in saves
            for one in save.expected
            if any(one in answer for answer in answers)
        }

    def _part(self, bucket: int, save: UnitSave) -> UnitSave:
        """What a save means to one bucket."""

        def is_here(session: SessionId) -> bool:
            return bucket_of(session, self.buckets) == bucket

        return UnitSave(
            {one: (marks[bucket],) for one, marks in save.expected.items()},
            {one: (marks[bucket],) for one, marks in save.new.items()},
            {session: state for session, state in save.states.items() if is_here(session)},
            {session: value for session, value in save.latest.items() if is_here(session)},
            {one: is_owned for one, is_owned in save.owned.items() if is_here(one[1])},
        )


class GatedEmitter(MemoryEmitter):
    """Emits to messages that workers share, a batch's all at once."""

    def __init__(self, messages: list[OutgoingMessage], gates: Gates) -> None:
        super().__init__()
        self.messages = messages
        self._gates = gates

    async def emit(self, messages: Sequence[OutgoingMessage]) -> None:
        """See `Emitter.emit`."""
        await self._gates.passed("emit", lambda: super(GatedEmitter, self).emit(messages))
