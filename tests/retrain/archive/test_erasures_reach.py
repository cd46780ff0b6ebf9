"""An erasure reaches all that the log took before it, whatever window, clocks and cut are; and no more."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import uuid4

import polars as pl
from aiokafka import ConsumerRecord, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain.archive.archive_compaction import compact
from retrain.archive.archive_scrubbing import scrub
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.archived_log import NO_ARCHIVE, ArchivedLog
from retrain.archive.erasures import Erasures, no_erasures
from retrain.event_recording import EventRecorder, UserSightings
from retrain.log_cut import KafkaSpan, cut_log
from retrain.log_range_reading import TakesRecords
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP
from schemas.release_manifest import LogRange
from tests.retrain.archive.archiver_runs import an_event
from tests.retrain.archive.written_archives import NOON_MS, a_record, write_records


class Message(NamedTuple):
    """Of one partition, in the order of the log."""

    partition: int
    offset: int
    session: str
    user: str | None
    erases: str
    """Nothing, the `session`, or the whole `user`."""
    logged_at_ms: int

    @property
    def item(self) -> str:
        """Of an event: it tells which message it was."""
        return f"{self.partition}-{self.offset}"

    @property
    def record(self) -> ConsumerRecord:
        """As Kafka holds it."""
        value = (
            an_event(self.session, event_type="erase", user_id=self.user, whole_user=self.erases == "user")
            if self.erases
            else an_event(self.session, self.item, user_id=self.user)
        )
        return a_record(value, self.offset, self.partition, self.logged_at_ms)

    def reaches(self, other: "Message") -> bool:
        """Whether this erasure came behind the other."""
        if self.partition == other.partition:
            return other.offset < self.offset
        return other.logged_at_ms <= self.logged_at_ms


def numbered(drawn: list[tuple[int, str, str | None, str, int]]) -> list[Message]:
    offsets = [0, 0]
    messages = []
    for partition, session, user, erases, logged_at_ms in drawn:
        messages.append(Message(partition, offsets[partition], session, user, erases, logged_at_ms))
        offsets[partition] += 1
    return messages


LOGS = st.lists(
    st.tuples(
        st.integers(0, 1),
        st.sampled_from("abc"),
        st.none() | st.sampled_from("uv"),
        st.sampled_from(["", "", "", "session", "user"]),
        st.integers(NOON_MS - 3, NOON_MS + 3),
    ),
    max_size=25,
).map(numbered)
CUTS = st.tuples(st.floats(0, 1), st.floats(0, 1))


def expected(log: Sequence[Message], since_ms: int | None) -> set[str]:
    """The items of the events that may be learned, by the words of docs/archive.md."""
    erasures = [one for one in log if one.erases]
    reach = {
        (erase, session)
        for erase in erasures
        for session in [erase.session, *(seen_with(erase, log) if erase.erases == "user" else [])]
    }
    return {
        one.item
        for one in log
        if not one.erases
        and (since_ms is None or one.logged_at_ms >= since_ms)
        and not any(session == one.session and erase.reaches(one) for erase, session in reach)
    }


def seen_with(erase: Message, log: Sequence[Message]) -> list[str]:
    return [one.session for one in log if erase.user and one.user == erase.user and erase.reaches(one)]


def of_partition(log: Sequence[Message], partition: int) -> list[Message]:
    return [one for one in log if one.partition == partition]


def archive_of(log: Sequence[Message], cuts: tuple[float, float]) -> tuple[ArchiveStore, dict[int, int]]:
    """The beginning of each partition, in files of two records; and where each ends."""
    store, ends = ArchiveStore(f"memory://{uuid4().hex}"), {}
    for partition, cut in enumerate(cuts):
        messages = of_partition(log, partition)
        ends[partition] = round(cut * len(messages))
        for start in range(0, ends[partition], 2):
            write_records(store, [one.record for one in messages[start : min(start + 2, ends[partition])]])
    return store, ends


def learned(
    store: ArchiveStore | None, log: Sequence[Message], first: dict[int, int], since_ms: int | None
) -> set[str]:
    """What a retrain learns that reads archive and topic as `retrain.event_log` does.

    Args:
        store: the archive; None: there is none.
        log: all there ever was.
        first: the offset from which on the topic still has each partition.
        since_ms: the window's begin.
    """
    archived = NO_ARCHIVE if store is None else ArchivedLog(store)
    recorder = EventRecorder(DEFAULT_EVENT_TYPE_MAP, 3600, since_ms)
    spans = {}
    for partition, begin in first.items():
        messages = of_partition(log, partition)
        in_window = (
            one.offset for one in messages[begin:] if since_ms is None or one.logged_at_ms >= since_ms
        )
        spans[TopicPartition("events", partition)] = KafkaSpan(
            begin, next(in_window, len(messages)), len(messages)
        )
    cuts = cut_log(archived, spans, since_ms)
    read(log, [cut.from_kafka for cut in cuts], recorder)
    sightings = UserSightings(archived.survey().erasures + recorder.erasures(), DEFAULT_EVENT_TYPE_MAP)
    read(log, [cut.unread for cut in cuts], sightings)
    events = recorder.recorded(archived, sightings.erasures()).events
    return set(events["item_id"].cast(pl.String).to_list())


def read(log: Sequence[Message], ranges: list[LogRange], to: TakesRecords) -> None:
    for one in ranges:
        for message in of_partition(log, one.partition)[one.first_offset : one.next_offset]:
            to.add(message.record)


@settings(max_examples=80, deadline=None)
@given(LOGS, CUTS, CUTS, st.none() | st.integers(NOON_MS - 3, NOON_MS + 3))
def test_erasure_counts_whatever_the_window_and_the_cut(
    log: list[Message], cuts: tuple[float, float], kept: tuple[float, float], since_ms: int | None
) -> None:
    store, ends = archive_of(log, cuts)
    first = {partition: round(share * ends[partition]) for partition, share in enumerate(kept)}
    assert learned(store, log, first, since_ms) == expected(log, since_ms)


@settings(max_examples=50, deadline=None)
@given(LOGS, CUTS, CUTS)
def test_scrubbing_takes_out_what_is_erased_and_nothing_comes_back(
    log: list[Message], cuts: tuple[float, float], later: tuple[float, float]
) -> None:
    store, ends = archive_of(log, cuts)
    scrub(store, erased_in(log, ends))
    assert learned(store, log, ends, None) == expected(log, None)
    for partition, share in enumerate(later):  # an archiver goes on
        tail = of_partition(log, partition)[ends[partition] :]
        tail = tail[: round(share * len(tail))]
        ends[partition] += len(tail)
        if tail:
            write_records(store, [one.record for one in tail])
    compact(store, 1000)
    scrub(store, no_erasures())
    assert learned(store, log, ends, None) == expected(log, None)


def erased_in(log: Sequence[Message], ends: dict[int, int]) -> Erasures:
    """What the topic's tail erases: `retrain.event_log.read_erasures`."""
    recorder = EventRecorder(DEFAULT_EVENT_TYPE_MAP, 3600)
    for one in log:
        if one.offset >= ends[one.partition]:
            recorder.add(one.record)
    return recorder.erasures()
