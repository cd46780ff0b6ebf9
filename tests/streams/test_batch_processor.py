"""What becomes of a batch: lists, dead letters, states, refusals, retries."""

import json
from collections.abc import Collection, Mapping
from typing import cast

import pytest
from aiokafka import TopicPartition
from aiokafka.errors import MessageSizeTooLargeError

from models.release import Release
from schemas.dead_letter import read_reason
from schemas.errors import Unavailable
from schemas.ids import ItemId, SessionId
from schemas.session_state import SessionState
from streams.memory_session_store import MemorySessionStore
from streams.micro_batch import Abandoned, BatchOutcome, Watermarks
from streams.session_store import Loaded, UnitSave
from streams.unreadable_records import unreadable_record
from tests.streams.processors import ITEMS, Workbench, a_batch, a_release
from tests.streams.records import FIRST_EVENT_AT_MS, a_partition, a_record, an_event, event_record
from tests.successor_release import successors

S = SessionId("s")


@pytest.fixture(scope="module")
def bench_release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return a_release(tmp_path_factory.mktemp("releases"))


@pytest.fixture
def bench(bench_release: Release) -> Workbench:
    return Workbench(bench_release)


def memory(bench: Workbench) -> MemorySessionStore:
    assert isinstance(bench.store, MemorySessionStore)
    return bench.store


async def test_each_event_gets_the_list_of_its_session_at_that_point(bench: Workbench) -> None:
    records = [event_record("s", "a", 0), event_record("t", "c", 1), event_record("s", "b", 2)]
    outcome = await bench.processor.process(a_batch(*records))
    lists = bench.emitter.lists()
    assert [(one.session_id, [item.item_id for item in one.items]) for one in lists] == [
        ("s", successors(ITEMS, ["a"], 3)),
        ("t", successors(ITEMS, ["c"], 3)),
        ("s", successors(ITEMS, ["a", "b"], 3)),
    ]
    assert outcome == BatchOutcome({a_partition(): 3}, {})


async def test_list_names_its_event_and_release(bench: Workbench) -> None:
    record = a_record(an_event("s", "a", event_id="e1", user_id="u1"), 41, partition=2)
    await bench.processor.process(a_batch(record))
    (message,) = bench.emitter.on("recommendations")
    (one,) = bench.emitter.lists()
    assert (message.partition, message.key) == (2, b"s")
    assert (one.recommendation_id, one.source.offset, one.release_id) == ("events-2-41", 41, "r1")
    assert (one.event_id, one.user_id, one.repeat_of, one.strategy) == ("e1", "u1", None, "gru4rec")


async def test_latest_list_and_state_are_saved_with_the_watermark(bench: Workbench) -> None:
    await bench.processor.process(a_batch(event_record("s", "a", 0), event_record("s", "b", 1)))
    assert memory(bench).latest[S] == bench.emitter.on("recommendations")[-1].value
    assert memory(bench).states[S].item_ids == ("a", "b")
    assert (await bench.store.load([a_partition()], [])).watermarks == {a_partition(): (2,)}


async def test_redelivered_event_does_not_advance_the_session(bench: Workbench) -> None:
    first = a_record(an_event("s", "a", event_id="e1"), 0)
    again = a_record(an_event("s", "a", event_id="e1"), 1)
    await bench.processor.process(a_batch(first, again))
    lists = bench.emitter.lists()
    assert [one.repeat_of for one in lists] == [None, "e1"]
    assert lists[0].items == lists[1].items
    assert memory(bench).states[S].item_ids == ("a",)
    assert bench.count("millrace_repeated_events_total") == 1


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b"\xff\xfe", "malformed"),
        (b'{"session_id": "s"}', "$.event_type"),
        (an_event("s", "a", event_type="stare"), "stare"),
        (an_event("s", "a", event_type=None), "$.event_type"),
        (None, "no value"),
        (an_event("s", "a", context={"pad": "x" * 1_000_000}), "1000000"),
    ],
)
async def test_bad_event_is_dead_lettered_and_its_neighbours_are_served(
    bench: Workbench, value: bytes | None, said: str
) -> None:
    bad = a_record(value, 1, key=b"k", headers=(("trace", b"1"),))
    outcome = await bench.processor.process(
        a_batch(event_record("s", "a", 0), bad, event_record("s", "b", 2))
    )
    assert [one.source.offset for one in bench.emitter.lists()] == [0, 2]
    (letter,) = bench.emitter.on("dead-letter")
    reason = read_reason(letter.headers)
    assert (letter.key, letter.value) == (b"k", value)
    assert reason is not None
    assert (reason.topic, reason.partition, reason.offset, reason.stage) == ("events", 0, 1, "decode")
    assert said in reason.message
    assert ("trace", b"1") in letter.headers
    assert outcome.applied == {a_partition(): 3}
    assert bench.count("millrace_dead_letters_total", stage="decode") == 1


async def test_batch_of_dead_letters_only_moves_the_watermark(bench: Workbench) -> None:
    await bench.processor.process(a_batch(a_record(b"{", 5)))
    assert (await bench.store.load([a_partition()], [])).watermarks == {a_partition(): (6,)}


async def test_event_that_breaks_the_recommender_is_isolated(bench: Workbench) -> None:
    no_item = cast("ItemId", ["not", "hashable"])
    broken = SessionState(item_ids=(no_item,), event_types=b"\0", last_event_at_ms=FIRST_EVENT_AT_MS)
    memory(bench).states[SessionId("t")] = broken
    records = [event_record("s", "a", 0), event_record("t", "b", 1), event_record("s", "b", 2)]
    await bench.processor.process(a_batch(*records))
    assert [one.source.offset for one in bench.emitter.lists()] == [0, 2]
    (letter,) = bench.emitter.on("dead-letter")
    reason = read_reason(letter.headers)
    assert reason is not None
    assert (reason.stage, reason.offset) == ("recommend", 1)
    assert "Traceback" in reason.stacktrace
    assert memory(bench).states[S].item_ids == ("a", "b")


async def test_partition_at_another_watermark_is_refused_before_anything_is_emitted(bench: Workbench) -> None:
    await bench.processor.process(a_batch(event_record("s", "a", 0)))
    bench.emitter.messages.clear()
    batch = a_batch(event_record("s", "b", 1), event_record("t", "c", 0, partition=1), a_record(b"{", 2))
    outcome = await bench.processor.process(batch)
    assert outcome == BatchOutcome({a_partition(1): 1}, {a_partition(0): (1,)})
    assert [one.session_id for one in bench.emitter.lists()] == ["t"]
    assert bench.emitter.on("dead-letter") == []
    assert memory(bench).states[S].item_ids == ("a",)


async def test_save_after_another_worker_has_saved_is_refused(bench: Workbench) -> None:
    other = Workbench(bench.release, store=bench.store)

    async def let_the_other_be_quicker() -> None:
        bench.emitter.after = None
        await other.processor.process(a_batch(event_record("s", "a", 0), event_record("s", "b", 1)))

    bench.emitter.after = let_the_other_be_quicker
    outcome = await bench.processor.process(a_batch(event_record("s", "a", 0)))
    assert outcome == BatchOutcome({}, {a_partition(): (2,)})
    assert bench.count("millrace_refusals_total", check="save") == 1
    assert memory(bench).states[S].item_ids == ("a", "b")
    assert bench.emitter.lists()[0].items == other.emitter.lists()[0].items


async def test_event_without_consent_gets_a_list_and_leaves_nothing(bench: Workbench) -> None:
    await bench.processor.process(a_batch(event_record("s", "a", 0)))
    stored = dict(memory(bench).states), dict(memory(bench).latest)
    batch = a_batch(event_record("s", "c", 1, consent=False), expected={a_partition(): (1,)})
    await bench.processor.process(batch)
    assert [item.item_id for item in bench.emitter.lists()[-1].items] == successors(ITEMS, ["c"], 3)
    assert (memory(bench).states, memory(bench).latest) == stored


async def test_erased_session_is_deleted_with_a_tombstone(bench: Workbench) -> None:
    await bench.processor.process(a_batch(event_record("s", "a", 0)))
    erase = a_record(json.dumps({"session_id": "s", "event_type": "erase", "occurred_at": 1}).encode(), 2)
    batch = a_batch(event_record("s", "b", 1), erase, expected={a_partition(): (1,)})
    await bench.processor.process(batch)
    assert bench.emitter.on("recommendations")[-1][:4] == ("recommendations", 0, b"s", None)
    assert memory(bench).states == {}
    assert memory(bench).latest == {}
    assert bench.count("millrace_events_total", event_type="erase", strategy="none") == 1


async def test_session_lives_on_after_its_erasure(bench: Workbench) -> None:
    erase = a_record(json.dumps({"session_id": "s", "event_type": "erase", "occurred_at": 1}).encode(), 1)
    await bench.processor.process(a_batch(event_record("s", "a", 0), erase, event_record("s", "b", 2)))
    assert [item.item_id for item in bench.emitter.lists()[-1].items] == successors(ITEMS, ["b"], 3)
    assert memory(bench).states[S].item_ids == ("b",)


async def test_purchased_items_are_not_shown_where_the_setting_says_so(bench: Workbench) -> None:
    strict = Workbench(bench.release, excluded_types=frozenset({2}))
    await strict.processor.process(
        a_batch(
            event_record("s", "b", 0, event_type="order"),
            event_record("s", "a", 1),
            event_record("t", "a", 2),
        )
    )
    mine, theirs = strict.emitter.lists()[1:]
    assert "b" not in [item.item_id for item in mine.items]
    assert theirs.items[0].item_id == "b"


async def test_session_without_a_known_item_gets_the_popular_list(bench: Workbench) -> None:
    await bench.processor.process(a_batch(event_record("s", "unheard-of", 0)))
    (one,) = bench.emitter.lists()
    assert (one.strategy, [item.item_id for item in one.items]) == ("popular", ["a", "b", "c"])
    assert memory(bench).states[S].item_ids == ("unheard-of",)


async def test_trace_context_passes_through(bench: Workbench) -> None:
    headers = (("traceparent", b"00-1"), ("other", b"x"))
    await bench.processor.process(a_batch(a_record(an_event("s", "a"), 0, headers=headers)))
    assert list(bench.emitter.on("recommendations")[0].headers) == [("traceparent", b"00-1")]


async def test_event_under_another_key_is_served_and_counted(bench: Workbench) -> None:
    records = [a_record(an_event("s", "a"), 0, key=None), a_record(an_event("s", "b"), 1, key=b"x")]
    await bench.processor.process(a_batch(*records))
    assert len(bench.emitter.lists()) == 2
    assert bench.count("millrace_unkeyed_events_total") == 2


async def test_event_under_another_key_is_dead_lettered_where_the_key_is_required(bench: Workbench) -> None:
    strict = Workbench(bench.release, require_key=True)
    await strict.processor.process(a_batch(a_record(an_event("s", "a"), 0, key=b"x")))
    assert strict.emitter.lists() == []
    assert len(strict.emitter.on("dead-letter")) == 1


async def test_time_that_cannot_be_right_neither_ends_the_session_nor_keeps_it_open(bench: Workbench) -> None:
    ahead, seconds = FIRST_EVENT_AT_MS + 10**12, FIRST_EVENT_AT_MS // 1000
    records = [a_record(an_event("s", "a"), 0)]
    records += [
        a_record(an_event("s", "b", occurred_at=one), at + 1) for at, one in enumerate([ahead, seconds])
    ]
    await bench.processor.process(a_batch(*records))
    assert memory(bench).states[S].item_ids == ("a", "b", "b")
    assert memory(bench).states[S].last_event_at_ms == FIRST_EVENT_AT_MS
    assert bench.count("millrace_skewed_events_total") == 2
    next_day = FIRST_EVENT_AT_MS + 86_400_000
    later = a_record(an_event("s", "c", occurred_at=next_day), 3, timestamp=next_day)
    await bench.processor.process(a_batch(later, expected={a_partition(): (3,)}))
    assert memory(bench).states[S].item_ids == ("c",)


async def test_events_of_several_topics_are_merged_by_time(bench: Workbench) -> None:
    view = a_record(an_event("s", "a"), 0, topic="views", timestamp=5)
    later = a_record(an_event("s", "b"), 1, topic="views", timestamp=9)
    cart = a_record(an_event("s", "c", event_type="cart"), 0, topic="carts", timestamp=7)
    await bench.processor.process(a_batch(view, later, cart))
    assert memory(bench).states[S].item_ids == ("a", "c", "b")


async def test_batch_waits_while_the_store_is_away_and_goes_on(bench_release: Release) -> None:
    class AwayAtFirst(MemorySessionStore):
        failures = 2

        async def load(
            self,
            partitions: Collection[TopicPartition],
            sessions: Collection[SessionId],
            buckets: Mapping[int, Collection[int]] | None = None,
        ) -> Loaded:
            if self.failures:
                self.failures -= 1
                raise Unavailable("Redis: connection refused")
            return await super().load(partitions, sessions, buckets)

    bench = Workbench(bench_release, store=AwayAtFirst())
    await bench.processor.process(a_batch(event_record("s", "a", 0)))
    assert len(bench.emitter.lists()) == 1
    assert bench.health.troubles == {}


async def test_abandoned_batch_emits_nothing_more(bench: Workbench) -> None:
    batch = a_batch(event_record("s", "a", 0))
    batch.abandoned = True
    with pytest.raises(Abandoned):
        await bench.processor.process(batch)
    assert bench.emitter.messages == []
    assert memory(bench).states == {}


async def test_dead_letter_that_is_too_large_keeps_its_reason(bench: Workbench) -> None:
    async def refuse_values() -> None:
        bench.emitter.before = None
        raise MessageSizeTooLargeError

    bench.emitter.before = refuse_values
    await bench.processor.process(a_batch(event_record("s", "a", 0), a_record(b"{", 1)))
    (letter,) = bench.emitter.on("dead-letter")
    assert letter.value == b""
    assert read_reason(letter.headers) is not None
    assert len(bench.emitter.lists()) == 1


async def test_session_of_two_topics_is_guarded_by_both_watermarks(bench: Workbench) -> None:
    views, carts = a_partition(0, "views"), a_partition(0, "carts")
    view = a_record(an_event("s", "a"), 0, topic="views", timestamp=1)
    cart = a_record(an_event("s", "b", event_type="cart"), 0, topic="carts", timestamp=2)
    start: dict[TopicPartition, Watermarks] = {views: (None,), carts: (None,)}
    zombie = a_batch(cart, expected=start)
    await bench.processor.process(a_batch(view, expected=start))
    refused = await bench.processor.process(zombie)
    assert refused == BatchOutcome({}, {views: (1,), carts: (None,)})
    await bench.processor.process(a_batch(cart, expected={views: (1,), carts: (None,)}))
    assert memory(bench).states[S].item_ids == ("a", "b")


async def test_save_whose_answer_was_lost_counts_as_applied(bench_release: Release) -> None:
    class LosesAnAnswer(MemorySessionStore):
        lost = False

        async def save(self, saves: Collection[UnitSave]) -> dict[TopicPartition, Watermarks]:
            answer = await super().save(saves)
            if not self.lost:
                self.lost = True
                raise Unavailable("Redis: timeout")
            return answer

    bench = Workbench(bench_release, store=LosesAnAnswer())
    outcome = await bench.processor.process(a_batch(event_record("s", "a", 0)))
    assert outcome == BatchOutcome({a_partition(): 1}, {})
    assert bench.count("millrace_events_total", event_type="view", strategy="gru4rec") == 1


async def test_message_that_cannot_be_parsed_is_dead_lettered_with_its_position(bench: Workbench) -> None:
    unreadable = unreadable_record(a_partition(), 1, "header name")
    await bench.processor.process(a_batch(event_record("s", "a", 0), unreadable, event_record("s", "b", 2)))
    (letter,) = bench.emitter.on("dead-letter")
    reason = read_reason(letter.headers)
    assert reason is not None
    assert (reason.offset, reason.message) == (
        1,
        "the Kafka client cannot read the message: header name - at `$`",
    )
    assert len(bench.emitter.lists()) == 2


async def test_metrics_tell_batch_stages_and_freshness(bench: Workbench) -> None:
    await bench.processor.process(a_batch(event_record("s", "a", 0), event_record("s", "b", 1)))
    assert bench.count("millrace_events_total", event_type="view", strategy="gru4rec") == 2
    assert bench.count("millrace_batch_events_sum") == 2
    assert bench.count("millrace_freshness_seconds_count") == 2
    for stage in ("decode", "load", "encode", "retrieve", "rank", "build", "produce", "save"):
        assert bench.count("millrace_stage_seconds_count", stage=stage) == 1


async def test_latest_event_of_a_session_in_a_batch_has_the_only_list_where_the_setting_says_so(
    bench_release: Release,
) -> None:
    bench = Workbench(bench_release, latest_only=True)
    records = [event_record("s", "a", 0), event_record("t", "c", 1), event_record("s", "b", 2)]
    await bench.processor.process(a_batch(*records))
    lists = [(one.source.offset, [item.item_id for item in one.items]) for one in bench.emitter.lists()]
    assert lists == [(1, successors(ITEMS, ["c"], 3)), (2, successors(ITEMS, ["a", "b"], 3))]
    assert memory(bench).states[S].item_ids == ("a", "b")
    assert bench.emitter.on("recommendations")[-1].value == memory(bench).latest[S]


async def test_event_before_an_erasure_has_no_list_where_only_the_latest_is_wanted(
    bench_release: Release,
) -> None:
    bench = Workbench(bench_release, latest_only=True)
    await bench.processor.process(
        a_batch(event_record("s", "a", 0), event_record("s", "", 1, event_type="erase"))
    )
    (tombstone,) = bench.emitter.on("recommendations")
    assert tombstone.value is None
    assert S not in memory(bench).latest
