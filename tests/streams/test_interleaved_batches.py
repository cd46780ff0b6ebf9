"""Several batches in flight over three buckets, by one worker or two, with faults, as chance has it.

The claims are S, E and D of `test_save_protocol`, each bucket by its own watermark; and all is done in the
end. The worker's source is played by `Source`, with the real positions, over a log that a session gap spans.
"""

import asyncio
import random
from dataclasses import dataclass, field

import pytest
from aiokafka import TopicPartition

from models.release import Release
from schemas.ids import SessionId
from schemas.redis_keys import bucket_of
from streams.micro_batch import Abandoned, BatchOutcome, MicroBatch, Record, lowest
from streams.positions import Positions
from streams.taking_over import Position
from tests.streams.processors import ITEMS, Workbench, a_release
from tests.streams.records import a_partition, a_record, event_record
from tests.streams.yielding_parts import YieldingEmitter, YieldingStore
from tests.successor_release import successors

HERE: TopicPartition = a_partition()
BUCKETS = 3
SESSIONS = [f"s{number}" for number in range(6)]
SEEDS = 60
NO_EVENT = ("", "")
LogEntries = list[tuple[str, str]]


@dataclass
class Source:
    """Polls, launches and follows batches as `EventSource` does."""

    chance: random.Random
    log: LogEntries
    store: YieldingStore
    bench: Workbench
    faults: bool = True
    at: int = 0
    turns: bool = False
    positions: Positions = field(default_factory=Positions)
    row: list[tuple[MicroBatch, "asyncio.Task[BatchOutcome]"]] = field(default_factory=list)

    async def run(self) -> None:
        """Until no more faults come and all is applied."""
        while self.faults or self.at < len(self.log) or set(self.store.marks) != {len(self.log)}:
            await asyncio.sleep(0)
            await self._settle(2)
            if self.turns or HERE not in self.positions:
                await self._turn()
            elif self.chance.random() < 0.15:
                await self._compare()
            elif self.faults and self.chance.random() < 0.02:
                self._give_up()
            elif self.at < len(self.log):
                self._launch(self.positions.batch({HERE: self._poll()}))
        await self._settle(0)

    async def _settle(self, most: int) -> None:
        while self.row and (len(self.row) > most or self.row[0][1].done()):
            try:
                outcome = await self.row[0][1]
            except (Abandoned, ValueError):
                self._give_up()
            else:
                self.row.pop(0)
                self.turns = self.turns or HERE in outcome.refused

    def _give_up(self) -> None:
        """The batches run on, for nobody."""
        for batch, _ in self.row:
            batch.abandoned = True
        self.row.clear()
        self.positions.clear()

    async def _turn(self) -> None:
        await self._settle(0)
        marks = (await self.store.load([HERE], ())).watermarks[HERE]
        self.at, self.turns = 0 if None in marks else lowest(marks) or 0, False
        self.positions.start(HERE, Position(self.at, marks))

    async def _compare(self) -> None:
        if not self.row:
            stored = (await self.store.load([HERE], ())).watermarks[HERE]
            self.turns = stored != self.positions.expected(HERE)
        if not self.turns and (catching_up := self.positions.catching_up()):
            self._launch(catching_up)

    def _poll(self) -> list[Record]:
        begin, self.at = self.at, min(self.at + self.chance.randint(1, 4), len(self.log))
        records = [
            a_record(b"{", at) if self.log[at] == NO_EVENT else event_record(*self.log[at], at)
            for at in range(begin, self.at)
        ]
        if self.faults and self.chance.random() < 0.03:
            records[0] = a_record(b"{}", begin, headers=("cannot be decoded",))  # type: ignore[arg-type]
        return records

    def _launch(self, batch: MicroBatch) -> None:
        batch.hurried = self.faults and self.chance.random() < 0.15
        task = asyncio.ensure_future(self.bench.processor.process(batch))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # given up: nobody asks
        self.row.append((batch, task))


def history(log: LogEntries, session: str, upto: int) -> list[str]:
    return [item for owner, item in log[:upto] if owner == session]


def check(log: LogEntries, store: YieldingStore, emitter: YieldingEmitter) -> None:
    lists = emitter.lists()
    letters = [dict(one.headers)["__connect.errors.offset"] for one in emitter.on("dead-letter")]
    emitted = {one.source.offset for one in lists} | set(map(int, letters))
    marks = [mark or 0 for mark in store.marks]
    for session in SESSIONS:
        bucket = bucket_of(SessionId(session), BUCKETS)
        state = store.states[bucket].get(SessionId(session))
        assert list(state.item_ids if state else ()) == history(log, session, marks[bucket]), "S"
    for at, (session, _) in enumerate(log):
        mark = marks[bucket_of(SessionId(session), BUCKETS)] if session else min(marks)
        assert at >= mark or at in emitted, "E"
    for one in lists:
        past = history(log, one.session_id, one.source.offset + 1)
        assert [item.item_id for item in one.items] == successors(ITEMS, past, len(ITEMS)), "D"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return a_release(tmp_path_factory.mktemp("releases"))


@pytest.mark.parametrize("seed", range(SEEDS))
async def test_batches_of_several_buckets_lose_double_and_falsify_nothing(
    release: Release, seed: int
) -> None:
    chance = random.Random(seed)
    clicks = [(chance.choice(SESSIONS), chance.choice(ITEMS)) for _ in range(40)]
    log = [NO_EVENT if chance.random() < 0.15 else click for click in clicks]
    store, emitter = YieldingStore(chance, BUCKETS), YieldingEmitter(chance)
    benches = [Workbench(release, store, emitter, k=len(ITEMS)) for _ in range(chance.choice([1, 2]))]
    sources = [Source(chance, log, store, bench) for bench in benches]
    running = [asyncio.ensure_future(source.run()) for source in sources]
    for _ in range(chance.randint(0, 6)):
        for _ in range(chance.randint(5, 200)):
            await asyncio.sleep(0)
        chance.choice([store.go_back, store.go_back, store.empty])(chance.randrange(BUCKETS))
        check(log, store, emitter)
    emitter.may_fail = False
    for source in sources:
        source.faults = False
    await asyncio.wait_for(asyncio.gather(*running), 60)
    check(log, store, emitter)
