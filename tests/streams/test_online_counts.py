"""What a worker counts of its lists: each event once, for what made the list before it, when it is saved."""

import asyncio
from collections.abc import Collection
from pathlib import Path

import pytest
from aiokafka import TopicPartition

from models.release import Release
from schemas.ids import ReleaseId, SessionId
from schemas.session_state import decode_session_state, encode_session_state
from schemas.worker_heartbeat import OnlineCounts
from streams.memory_session_store import MemorySessionStore
from streams.micro_batch import BucketMarks, Record, Watermarks
from streams.online_counts import KEPT_RELEASES
from streams.session_store import UnitSave
from tests.streams.processors import Workbench, a_batch, a_release
from tests.streams.records import FIRST_EVENT_AT_MS, a_partition, a_record, an_event, event_record

GAP_MS = 1_800_000
R1, R2 = ReleaseId("r1"), ReleaseId("r2")


@pytest.fixture(scope="module")
def releases(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Release]:
    folder = tmp_path_factory.mktemp("releases")
    reversed_items = ["e", "d", "c", "b", "a"]
    return {"r1": a_release(folder), "r2": a_release(folder, reversed_items, "r2")}


@pytest.fixture
def bench(releases: dict[str, Release]) -> Workbench:
    return Workbench(releases["r1"])


def hits(
    bench: Workbench, k: int, release: str = "r1", strategy: str = "gru4rec", kind: str = "view"
) -> float:
    labels = {"release_id": release, "strategy": strategy, "event_type": kind, "k": str(k)}
    return bench.count("millrace_online_hits_total", **labels)


def predictions(
    bench: Workbench, release: str = "r1", strategy: str = "gru4rec", kind: str = "view"
) -> float:
    labels = {"release_id": release, "strategy": strategy, "event_type": kind}
    return bench.count("millrace_online_predictions_total", **labels)


async def apply(bench: Workbench, *batches: list[Record]) -> None:
    """Process batches of one partition, one after the other."""
    marks = BucketMarks((None,))
    for records in batches:
        await bench.processor.process(a_batch(*records, marks=marks))


def clicks(items: str, first_offset: int = 0, session_id: str = "s") -> list[Record]:
    return [event_record(session_id, item, at) for at, item in enumerate(items, first_offset)]


@pytest.mark.parametrize("sizes", [[5], [1, 1, 1, 1, 1], [2, 3], [4, 1]])
async def test_lists_are_followed_within_a_batch_and_across_batches(
    bench: Workbench, sizes: list[int]
) -> None:
    records = clicks("abcac")
    ends = [sum(sizes[: at + 1]) for at in range(len(sizes))]
    await apply(bench, *(records[end - size : end] for size, end in zip(sizes, ends, strict=True)))
    assert predictions(bench) == 4
    assert hits(bench, 1) == 2  # b after a, c after b
    assert hits(bench, 5) == 3  # and c at 3 after a came again; a is not among d, c, b after a, b, c
    (counts,) = bench.online.counts().values()
    assert counts.reciprocal_ranks == pytest.approx(2 + 1 / 3)
    assert (counts.predictions, counts.hits, counts.events, counts.errors) == (4, 3, 5, 0)


async def test_batches_in_flight_count_the_lists_of_those_before_them(bench: Workbench) -> None:
    marks = BucketMarks((None,))
    batches = [a_batch(record, marks=marks) for record in clicks("abc")]
    await asyncio.gather(*(bench.processor.process(batch) for batch in batches))
    assert (predictions(bench), hits(bench, 1)) == (2, 2)


async def test_hit_counts_for_the_release_that_made_the_list_though_another_serves(
    bench: Workbench, releases: dict[str, Release]
) -> None:
    marks = BucketMarks((None,))
    await bench.processor.process(a_batch(*clicks("a"), marks=marks))
    bench.current.use_release(releases["r2"])
    await bench.processor.process(a_batch(*clicks("ba", 1), marks=marks))
    assert (predictions(bench, "r1"), hits(bench, 1, "r1")) == (1, 1)
    assert (predictions(bench, "r2"), hits(bench, 1, "r2")) == (1, 1)
    assert [(one.events, one.predictions) for one in bench.online.counts().values()] == [(1, 1), (2, 1)]


async def test_popular_list_is_counted_apart(bench: Workbench) -> None:
    await apply(bench, clicks("?a"))
    assert (predictions(bench, strategy="popular"), predictions(bench)) == (1, 0)
    assert hits(bench, 1, strategy="popular") == 1


async def test_repeat_is_not_compared_and_its_list_replaces_none(bench: Workbench) -> None:
    again = a_record(an_event("s", "a", event_id="e"), 1)
    await apply(bench, [a_record(an_event("s", "a", event_id="e"), 0)], [again], clicks("b", 2))
    assert (predictions(bench), hits(bench, 1)) == (1, 1)


async def test_event_without_consent_is_not_compared_and_its_list_replaces_none(bench: Workbench) -> None:
    await apply(bench, clicks("a"), [event_record("s", "e", 1, consent=False)], clicks("b", 2))
    assert (predictions(bench), hits(bench, 1)) == (1, 1)


@pytest.mark.parametrize("sizes", [[3], [1, 1, 1]])
async def test_erasure_leaves_no_list_to_be_compared_with(bench: Workbench, sizes: list[int]) -> None:
    records = [*clicks("a"), event_record("s", "a", 1, event_type="erase"), *clicks("b", 2)]
    await apply(bench, *([records] if sizes == [3] else [[one] for one in records]))
    assert predictions(bench) == 0


async def test_session_that_begins_anew_has_no_list_before_it(bench: Workbench) -> None:
    later = FIRST_EVENT_AT_MS + GAP_MS + 1
    anew = event_record("s", "b", 1, occurred_at=later)
    in_time = event_record("t", "b", 3, occurred_at=later - 1)
    await apply(bench, clicks("a"), [anew], [event_record("t", "a", 2), in_time])
    assert predictions(bench) == 1


async def test_with_latest_lists_only_an_event_is_compared_with_the_list_that_was_emitted(
    releases: dict[str, Release],
) -> None:
    bench = Workbench(releases["r1"], latest_only=True)
    marks = BucketMarks((None,))
    await bench.processor.process(a_batch(*clicks("a"), marks=marks))
    bench.current.use_release(releases["r2"])
    await bench.processor.process(a_batch(*clicks("bb", 1), marks=marks))
    assert (predictions(bench, "r1"), hits(bench, 1, "r1")) == (2, 2)  # both with the list after a
    assert predictions(bench, "r2") == 0


async def test_purchase_after_the_window_counts_only_where_it_names_the_list(
    releases: dict[str, Release],
) -> None:
    bench = Workbench(releases["r1"], attribution_window_s=60.0)
    late = FIRST_EVENT_AT_MS + 61_000
    sessions = {"s": None, "t": "events-0-1", "u": "events-0-0"}
    views = [event_record(session, "a", at) for at, session in enumerate(sessions)]
    orders = [
        event_record(session, "b", at, event_type="order", occurred_at=late, recommendation_id=name)
        for at, (session, name) in enumerate(sessions.items(), 3)
    ]
    await apply(bench, views, orders)
    assert (predictions(bench, kind="purchase"), hits(bench, 1, kind="purchase")) == (1, 1)
    named = {
        name: bench.count("millrace_online_named_lists_total", event_type="purchase", named=name)
        for name in ("last", "other")
    }
    assert named == {"last": 1, "other": 1}


class RefusingStore(MemorySessionStore):
    """Refuses the saves that it is told to refuse, as if another worker had moved their watermarks."""

    refuses = False

    async def save(self, saves: Collection[UnitSave]) -> dict[TopicPartition, Watermarks]:
        if self.refuses:
            return {one: (99,) for save in saves for one in save.expected}
        return await super().save(saves)


async def test_batch_that_was_refused_is_not_counted_and_its_second_coming_is(
    releases: dict[str, Release],
) -> None:
    store = RefusingStore()
    bench = Workbench(releases["r1"], store=store)
    await bench.processor.process(a_batch(*clicks("a")))
    store.refuses = True
    expected: dict[TopicPartition, Watermarks] = {a_partition(): (1,)}
    await bench.processor.process(a_batch(*clicks("b", 1), expected=expected))
    assert (predictions(bench), bench.online.counts()[R1].events) == (0, 1)
    store.refuses = False
    await bench.processor.process(a_batch(*clicks("b", 1), expected=expected))
    assert (predictions(bench), hits(bench, 1), bench.online.counts()[R1].events) == (1, 1, 2)


async def test_only_the_partitions_of_a_batch_that_are_saved_are_counted(
    releases: dict[str, Release],
) -> None:
    bench = Workbench(releases["r1"])
    here, there = a_partition(), a_partition(1)
    other = [event_record("t", item, at, partition=1) for at, item in enumerate("abc")]
    batch = a_batch(*clicks("ab"), *other, expected={here: (None,), there: (5,)})
    await bench.processor.process(batch)
    assert (predictions(bench), bench.online.counts()[R1].events) == (1, 2)


async def test_restarted_worker_compares_with_the_list_that_the_state_holds(
    releases: dict[str, Release],
) -> None:
    store = MemorySessionStore()
    await Workbench(releases["r1"], store=store).processor.process(a_batch(*clicks("a")))
    state = store.states[SessionId("s")]
    assert decode_session_state(encode_session_state(state)) == state
    successor = Workbench(releases["r2"], store=store)
    await successor.processor.process(a_batch(*clicks("b", 1), expected={a_partition(): (1,)}))
    assert (predictions(successor, "r1"), hits(successor, 1, "r1")) == (1, 1)


async def test_event_that_the_release_fails_for_is_an_error_of_the_release(
    releases: dict[str, Release], monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = Workbench(releases["r1"])
    served = bench.current.served
    assert served is not None
    recommend = served.recommender.recommend
    starving = [True]

    def fails(states: object, events: list[object]) -> object:
        if starving.pop() if starving else False:
            raise MemoryError
        if any("bad" in str(one) for one in events):
            raise ValueError("bad")
        return recommend(states, events)  # type: ignore[arg-type]

    monkeypatch.setattr(served.recommender, "recommend", fails)
    await apply(bench, clicks("a"), [event_record("s", "bad", 1)])
    assert bench.online.counts() == {R1: OnlineCounts(events=1, errors=2)}


def test_dead_letters_are_counted_from_zero_so_that_the_first_one_is_an_increase(bench: Workbench) -> None:
    for stage in ("decode", "recommend"):
        assert bench.metrics.registry.get_sample_value("millrace_dead_letters_total", {"stage": stage}) == 0


async def test_counts_of_the_last_few_releases_are_kept(tmp_path: Path) -> None:
    ids = [f"r{number}" for number in range(KEPT_RELEASES + 2)]
    bench = Workbench(a_release(tmp_path, release_id=ids[0]))
    marks = BucketMarks((None,))
    for at, release_id in enumerate(ids):
        if at:
            bench.current.use_release(a_release(tmp_path, release_id=release_id))
        await bench.processor.process(a_batch(*clicks("ab", 2 * at, f"s{at}"), marks=marks))
    assert list(bench.online.counts()) == ids[2:]
    assert [predictions(bench, one) for one in ids] == [0, 0, *[1] * KEPT_RELEASES]
    assert [hits(bench, 1, one) for one in ids] == [0, 0, *[1] * KEPT_RELEASES]
