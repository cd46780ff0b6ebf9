"""A store of several buckets and an emitter, in memory, that let others run in between, as chance has it."""

import asyncio
import random
from collections.abc import Collection, Mapping, Sequence

from aiokafka import TopicPartition

from schemas.errors import Unavailable
from schemas.ids import SessionId
from schemas.redis_keys import bucket_of
from schemas.session_state import SessionState
from streams.emitter import OutgoingMessage
from streams.micro_batch import Watermarks
from streams.session_store import Loaded, UnitSave
from tests.streams.memory_emitter import MemoryEmitter

States = dict[SessionId, SessionState]


class YieldingStore:
    """The contract of `SessionStore` for one partition; a bucket is read or saved at a moment of its own."""

    def __init__(self, chance: random.Random, buckets: int) -> None:
        self.buckets = buckets
        self.marks: list[int | None] = [0] * buckets
        self.states: list[States] = [{} for _ in range(buckets)]
        self._past: list[list[tuple[int | None, States]]] = [[] for _ in range(buckets)]
        self._chance = chance

    async def load(
        self,
        partitions: Collection[TopicPartition],
        sessions: Collection[SessionId],
        buckets: Mapping[int, Collection[int]] | None = None,
    ) -> Loaded:
        """See `SessionStore.load`."""
        (partition,) = partitions
        marks: list[int | None] = [None] * self.buckets
        states: States = {}
        for bucket in self._shuffled(
            range(self.buckets) if buckets is None else buckets[partition.partition]
        ):
            await self._others_run()
            marks[bucket] = self.marks[bucket]
            states |= {one: state for one, state in self.states[bucket].items() if one in sessions}
        return Loaded({partition: tuple(marks)}, states)

    async def save(self, saves: Collection[UnitSave]) -> dict[TopicPartition, Watermarks]:
        """See `SessionStore.save`."""
        refused: dict[TopicPartition, Watermarks] = {}
        for save in saves:
            ((partition, expected),) = save.expected.items()
            stands = list(save.new[partition])
            for bucket in self._shuffled(range(self.buckets) if save.buckets is None else save.buckets):
                await self._others_run()
                if self.marks[bucket] == expected[bucket]:
                    self._write(bucket, save, stands[bucket])
                else:
                    stands[bucket] = self.marks[bucket]
            if tuple(stands) != save.new[partition]:
                refused[partition] = tuple(stands)
        return refused

    def go_back(self, bucket: int) -> None:
        """A bucket loses its last saves."""
        if past := self._past[bucket][-4:]:
            self.marks[bucket], self.states[bucket] = self._chance.choice(past)

    def empty(self, bucket: int) -> None:
        """A bucket loses everything."""
        self.marks[bucket], self.states[bucket], self._past[bucket] = None, {}, []

    def _write(self, bucket: int, save: UnitSave, mark: int | None) -> None:
        self._past[bucket].append((self.marks[bucket], self.states[bucket]))
        changed = {one: state for one, state in save.states.items() if bucket_of(one, self.buckets) == bucket}
        states = {one: state for one, state in self.states[bucket].items() if one not in changed}
        self.states[bucket] = states | {one: state for one, state in changed.items() if state is not None}
        self.marks[bucket] = mark

    def _shuffled(self, buckets: Collection[int]) -> list[int]:
        return self._chance.sample(sorted(buckets), len(buckets))

    async def _others_run(self) -> None:
        for _ in range(self._chance.choice([0, 0, 1, 3, 8])):
            await asyncio.sleep(0)


class YieldingEmitter(MemoryEmitter):
    """Now and then it fails as a broker does, as long as it may."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self.may_fail = True
        self._chance = chance

    async def emit(self, messages: Sequence[OutgoingMessage]) -> None:
        """See `Emitter.emit`."""
        for _ in range(self._chance.choice([0, 1, 4])):
            await asyncio.sleep(0)
        if self.may_fail and self._chance.random() < 0.05:
            raise Unavailable("Kafka: away")
        await super().emit(messages)
