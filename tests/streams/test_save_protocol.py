"""The save protocol under any interleaving.

Two workers that both believe to own a partition, crashes, a Redis that goes back.

The same bounds and the same three claims as an exhaustive model of the protocol, but of the code that runs:
  S  every stored state is the fold of exactly its session's events below the watermark,
  E  every event below the watermark was emitted,
  D  whatever was emitted for an event is the list that the fold up to that event gives.
"""

import asyncio
import copy
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from models.release import Release
from schemas.ids import SessionId
from streams.memory_session_store import MemorySessionStore
from streams.micro_batch import Watermarks
from streams.session_store import Loaded
from tests.streams.memory_emitter import MemoryEmitter
from tests.streams.processors import ITEMS, Workbench, a_batch, a_release
from tests.streams.records import a_partition, event_record
from tests.successor_release import successors

LOG = [("s", "a"), ("t", "b"), ("s", "c"), ("s", "b"), ("t", "a"), ("t", "e"), ("s", "d"), ("t", "c")]
K = len(ITEMS)
PARTITION = a_partition()


class Killed(BaseException):
    """A worker was killed at this point."""


@dataclass(frozen=True)
class Turn:
    """What happens next."""

    worker: int
    size: int
    """Events in its next batch."""
    killed: str
    """`before` or `after` its emission, or not: empty."""
    interrupted_at: str
    """Where the other worker runs a whole batch in between: `before` or `after` the emission, or not:
    empty."""
    other_size: int
    """Events in the other worker's batch then."""
    rewind: int
    """How many saves the store goes back, before the turn."""


TURNS = st.builds(
    Turn,
    worker=st.integers(0, 1),
    size=st.integers(1, 3),
    killed=st.sampled_from(["", "", "", "before", "after"]),
    interrupted_at=st.sampled_from(["", "", "before", "after"]),
    other_size=st.integers(1, 4),
    rewind=st.sampled_from([0, 0, 0, 0, 1, 2]),
)


@dataclass
class World:
    """Two workers over one store; each has its own idea of the watermark."""

    release: Release
    store: MemorySessionStore = field(default_factory=MemorySessionStore)
    emitter: MemoryEmitter = field(default_factory=MemoryEmitter)

    def __post_init__(self) -> None:
        self.workers = [Workbench(self.release, self.store, self.emitter, k=K) for _ in range(2)]
        self.expected: list[Watermarks] = [(None,), (None,)]
        self.history = [copy.deepcopy(vars(self.store))]

    async def stored(self) -> Loaded:
        return await self.store.load([PARTITION], [SessionId("s"), SessionId("t")])

    async def take(self, turn: Turn) -> None:
        """One worker's batch, with what may happen around it."""
        if turn.rewind and len(self.history) > turn.rewind:
            vars(self.store).update(copy.deepcopy(self.history[-1 - turn.rewind]))

        async def happen(place: str) -> None:
            self.emitter.before = self.emitter.after = None
            if turn.interrupted_at == place:
                await self.batch(1 - turn.worker, turn.other_size)
            if turn.killed == place:
                raise Killed

        self.emitter.before = lambda: happen("before")
        self.emitter.after = lambda: happen("after")
        try:
            await self.batch(turn.worker, turn.size)
        except Killed:
            self.expected[turn.worker] = (await self.stored()).watermarks[PARTITION]
        finally:
            self.emitter.before = self.emitter.after = None

    async def batch(self, worker: int, size: int) -> None:
        start = self.expected[worker][0] or 0
        records = [event_record(*LOG[at], at) for at in range(start, min(start + size, len(LOG)))]
        if not records:
            self.expected[worker] = (await self.stored()).watermarks[PARTITION]
            return
        batch = a_batch(*records, expected={PARTITION: self.expected[worker]})
        outcome = await self.workers[worker].processor.process(batch)
        if PARTITION in outcome.refused:
            self.expected[worker] = outcome.refused[PARTITION]
        else:
            self.expected[worker] = (outcome.applied[PARTITION],)
            self.history.append(copy.deepcopy(vars(self.store)))

    async def check(self) -> None:
        loaded = await self.stored()
        watermark = loaded.watermarks[PARTITION][0] or 0
        for session in ("s", "t"):
            state = loaded.states.get(SessionId(session))
            assert list(state.item_ids if state else ()) == history(session, watermark), "S"
        emitted = {one.source.offset for one in self.emitter.lists()}
        assert emitted >= set(range(watermark)), "E"
        for one in self.emitter.lists():
            past = history(LOG[one.source.offset][0], one.source.offset + 1)
            assert [item.item_id for item in one.items] == successors(ITEMS, past, K), "D"


def history(session: str, upto: int) -> list[str]:
    return [item for owner, item in LOG[:upto] if owner == session]


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder: Path = tmp_path_factory.mktemp("releases")
    return a_release(folder)


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(turns=st.lists(TURNS, max_size=12))
def test_no_interleaving_loses_doubles_or_falsifies_anything(release: Release, turns: list[Turn]) -> None:
    async def run() -> None:
        world = World(release)
        for turn in turns:
            await world.take(turn)
            await world.check()
        for _ in range(2 * len(LOG)):  # afterwards one worker finishes the log
            await world.batch(0, 2)
        await world.check()
        assert (await world.stored()).watermarks[PARTITION] == (len(LOG),)

    asyncio.run(run())
