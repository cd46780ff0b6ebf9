"""Batches in flight at once: each starts from what the one before it computed, and none overtakes."""

import asyncio
from collections.abc import Collection, Mapping

import pytest
from aiokafka import TopicPartition

from models.release import Release
from schemas.errors import Unavailable
from schemas.ids import ItemId, SessionId
from schemas.session_state import SessionState
from streams.batch_chain import ChainedBatch
from streams.memory_session_store import MemorySessionStore
from streams.micro_batch import Abandoned, BatchOutcome, BucketMarks, MicroBatch, Watermarks
from streams.session_store import Loaded, UnitSave
from tests.streams.processors import ITEMS, Workbench, a_batch, a_release
from tests.streams.records import a_partition, event_record
from tests.successor_release import successors
from tests.waiting import until

S = SessionId("s")


@pytest.fixture(scope="module")
def bench_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return a_release(tmp_path_factory.mktemp("releases"))


class GatedStore(MemorySessionStore):
    """Saves only while its gate is open; loads fail while they are told to."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = asyncio.Event()
        self.loading = asyncio.Event()
        self.saves: list[int] = []
        self.fail_loads = False

    async def load(
        self,
        partitions: Collection[TopicPartition],
        sessions: Collection[SessionId],
        buckets: Mapping[int, Collection[int]] | None = None,
    ) -> Loaded:
        self.loading.set()
        if self.fail_loads:
            raise Unavailable("Redis: away")
        return await super().load(partitions, sessions, buckets)

    async def save(self, saves: Collection[UnitSave]) -> dict[TopicPartition, Watermarks]:
        await self.gate.wait()
        self.saves += [mark for save in saves for (mark,) in save.new.values() if mark is not None]
        return await super().save(saves)


def starting(bench: Workbench, batch: MicroBatch) -> "asyncio.Task[BatchOutcome]":
    return asyncio.create_task(bench.processor.process(batch))


async def until_emitted(bench: Workbench, lists: int) -> None:
    """Let the batches go on until so many lists were emitted."""
    await until(lambda: len(bench.emitter.lists()) >= lists)


def items_of(bench: Workbench) -> list[list[str]]:
    return [[item.item_id for item in one.items] for one in bench.emitter.lists()]


async def test_batch_starts_from_the_states_of_the_unsaved_one_before_it(bench_release: Release) -> None:
    store = GatedStore()
    bench = Workbench(bench_release, store=store)
    first = starting(bench, a_batch(event_record("s", "a", 0)))
    second = starting(bench, a_batch(event_record("s", "b", 1), expected={a_partition(): (1,)}))
    await until_emitted(bench, lists=2)
    assert store.states == {}
    store.gate.set()
    assert [await first, await second] == [
        BatchOutcome({a_partition(): 1}, {}),
        BatchOutcome({a_partition(): 2}, {}),
    ]
    assert items_of(bench) == [successors(ITEMS, ["a"], 3), successors(ITEMS, ["a", "b"], 3)]
    assert store.states[S].item_ids == ("a", "b")
    assert store.saves == [1, 2]


async def test_erasure_in_an_unsaved_batch_is_seen_by_the_next(bench_release: Release) -> None:
    store = GatedStore()
    bench = Workbench(bench_release, store=store)
    store.gate.set()
    await bench.processor.process(a_batch(event_record("s", "a", 0)))
    store.gate.clear()
    erasing = event_record("s", "", 1, event_type="erase")
    first = starting(bench, a_batch(erasing, expected={a_partition(): (1,)}))
    second = starting(bench, a_batch(event_record("s", "c", 2), expected={a_partition(): (2,)}))
    await until_emitted(bench, lists=2)
    store.gate.set()
    await asyncio.gather(first, second)
    assert items_of(bench)[-1] == successors(ITEMS, ["c"], 3)
    assert store.states[S].item_ids == ("c",)


async def test_batch_behind_a_refused_one_is_refused_too(bench_release: Release) -> None:
    store = GatedStore()
    bench = Workbench(bench_release, store=store)
    store.gate.set()
    first = starting(bench, a_batch(event_record("s", "a", 7), expected={a_partition(): (7,)}))
    second = starting(bench, a_batch(event_record("s", "b", 8), expected={a_partition(): (8,)}))
    assert await first == await second == BatchOutcome({}, {a_partition(): (None,)})
    assert bench.emitter.lists() == []
    assert store.states == {}


async def test_batch_does_not_continue_one_that_lies_elsewhere_in_the_log(bench_release: Release) -> None:
    store = GatedStore()
    bench = Workbench(bench_release, store=store)
    stuck = starting(bench, a_batch(event_record("s", "a", 0)))
    await until_emitted(bench, lists=1)
    anew = starting(bench, a_batch(event_record("s", "b", 0)))  # of another owner's log, from the start again
    await until_emitted(bench, lists=2)
    store.gate.set()
    assert await stuck == BatchOutcome({a_partition(): 1}, {})
    await anew
    assert items_of(bench) == [successors(ITEMS, ["a"], 3), successors(ITEMS, ["b"], 3)]


async def test_batch_behind_one_that_was_given_up_is_given_up(bench_release: Release) -> None:
    store = GatedStore()
    bench = Workbench(bench_release, store=store)
    store.fail_loads = True
    given_up = a_batch(event_record("s", "a", 0))
    first = starting(bench, given_up)
    await store.loading.wait()
    second = starting(bench, a_batch(event_record("s", "b", 1), expected={a_partition(): (1,)}))
    given_up.abandoned = True
    with pytest.raises(Abandoned):
        await first
    store.fail_loads = False
    store.gate.set()
    assert await second == BatchOutcome(
        {}, {a_partition(): (None,)}
    )  # loaded after it, it saw where Redis is
    assert bench.emitter.lists() == []


async def test_batch_behind_one_that_was_given_up_before_its_emission_emits_nothing(
    bench_release: Release,
) -> None:
    store = GatedStore()
    bench = Workbench(bench_release, store=store)
    account = BucketMarks((None,))
    batches = [
        a_batch(event_record(session, item, at), marks=account)
        for at, (session, item) in enumerate([("s", "a"), ("s", "b"), ("t", "c")])
    ]

    acknowledging = asyncio.Event()

    async def until_told() -> None:
        await acknowledging.wait()

    bench.emitter.after = until_told
    store.gate.set()
    tasks = [starting(bench, batch) for batch in batches]
    await until(lambda: bench.count("millrace_stage_seconds_count", stage="build") == 3)
    batches[1].abandoned = True  # while the first is emitted
    acknowledging.set()
    outcomes = await asyncio.gather(*tasks, return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [BatchOutcome, Abandoned, Abandoned]
    assert [one.source.offset for one in bench.emitter.lists()] == [0]


async def test_partitions_go_on_when_another_one_is_refused(bench_release: Release) -> None:
    store = GatedStore()
    store.gate.set()
    bench = Workbench(bench_release, store=store)
    here, there = a_partition(0), a_partition(1)
    first = starting(
        bench,
        a_batch(
            event_record("s", "a", 5),
            event_record("t", "a", 0, partition=1),
            expected={here: (5,), there: (None,)},
        ),
    )
    second = starting(
        bench,
        a_batch(
            event_record("s", "b", 6),
            event_record("t", "b", 1, partition=1),
            expected={here: (6,), there: (1,)},
        ),
    )
    assert await first == BatchOutcome({there: 1}, {here: (None,)})
    assert await second == BatchOutcome({there: 2}, {here: (None,)})
    assert items_of(bench) == [successors(ITEMS, ["a"], 3), successors(ITEMS, ["a", "b"], 3)]


async def test_states_of_a_batch_whose_save_is_refused_later_are_right_all_the_same() -> None:
    here, state = a_partition(), SessionState(item_ids=(ItemId("a"),))
    first, second, third = (
        ChainedBatch(a_batch(event_record("s", "a", at), expected={here: (at,)}), {0: {0}}) for at in range(3)
    )
    third.follow([first, second])
    third.refuse_unexpected({here: (0,)})
    assert third.refused == {}
    first.change({S: state}, {S: 0})
    first.refused[here] = (1,)  # another worker has saved meanwhile
    second.change({}, {})
    assert third.start({}) == {S: state}
