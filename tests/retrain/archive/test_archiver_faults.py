"""The archiver on a real Kafka: killed at every step, a store that is away, zombies, retention."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from confluent_kafka import TopicPartition as ConfluentPartition
from confluent_kafka.admin import AdminClient

from retrain.archive.archive_store import ArchiveStore
from retrain.archive.archived_log import ArchivedLog
from retrain.archive.archiving import archive_until
from retrain.archive_settings import ArchiveSettings
from retrain.event_log import read_event_log
from retrain.settings import RetrainSettings
from schemas.errors import Unavailable, UsageError
from tests.odd_messages import send_odd
from tests.retrain.archive.archiver_runs import an_event, offsets_of, produce, rows_of
from tests.retrain.archive.crashing_store import Crash, CrashingStore
from tests.retrain.archive.written_archives import a_record, write_records
from tests.services.kafka_broker import Kafka
from tests.waiting import DEADLINE_S, until

PARTITIONS = 2


@pytest.fixture
def settings(kafka: Kafka, prefix: str, tmp_path: Path) -> ArchiveSettings:
    return ArchiveSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        event_topics=[kafka.create_topic(f"{prefix}events", PARTITIONS)],
        archive_group=f"{prefix}archive",
        archive=str(tmp_path / "archive"),
        archive_file_rows=5,
        archive_file_age_s=0.2,
        archive_port=0,
    )


@asynccontextmanager
async def archiving(settings: ArchiveSettings, store: ArchiveStore) -> AsyncIterator["asyncio.Task[None]"]:
    """An archiver for the length of the block."""
    stop = asyncio.Event()
    task = asyncio.create_task(archive_until(stop, settings, store))
    try:
        yield task
    finally:
        stop.set()
        await asyncio.wait({task})


def archive(settings: ArchiveSettings) -> str:
    assert settings.archive is not None
    return settings.archive


def has_rows(settings: ArchiveSettings, rows: int) -> Callable[[], bool]:
    return lambda: len(offsets_of(archive(settings))) >= rows


async def send(settings: ArchiveSettings, count: int, begin: int = 0) -> None:
    values = [an_event(f"s{number}", event_id=str(number)) for number in range(begin, begin + count)]
    await produce(settings.kafka_bootstrap_servers, settings.event_topics[0], values, PARTITIONS)


def everything(events: int) -> list[tuple[int, int]]:
    return sorted((number % PARTITIONS, number // PARTITIONS) for number in range(events))


async def test_killed_at_every_step_the_archive_is_the_topic(settings: ArchiveSettings) -> None:
    sent = 0
    for step in range(1, 7):  # before and after its first file appears, its second, its third
        await send(settings, 40, sent)
        sent += 40
        with pytest.raises(Crash):
            async with archiving(settings, CrashingStore(archive(settings), step)) as archiver:
                await asyncio.wait_for(archiver, DEADLINE_S)
        archived = offsets_of(archive(settings))
        assert archived == sorted(set(archived))
    async with archiving(settings, ArchiveStore(archive(settings))):
        await until(has_rows(settings, sent))
    assert offsets_of(archive(settings)) == everything(sent)


class AwayStore(ArchiveStore):
    """Cannot be written for a while."""

    refusals = 3

    def write(self, path: str, fill: Callable[[Path], None]) -> int:
        """Write, or refuse."""
        if self.refusals:
            self.refusals -= 1
            raise Unavailable(f"{path}: the store is away")
        return super().write(path, fill)


async def test_store_that_is_away_is_waited_for(
    settings: ArchiveSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("retrain.archive.archive_patience.AGAIN_S", (0.01, 0.1))
    await send(settings, 20)
    async with archiving(settings, AwayStore(archive(settings))):
        await until(has_rows(settings, 20))
    assert offsets_of(archive(settings)) == everything(20)


async def test_marks_of_transactions_leave_no_gap_and_aborted_events_no_row(
    kafka: Kafka, settings: ArchiveSettings
) -> None:
    if kafka.kind == "embedded":
        pytest.skip("the embedded broker has no transactions")
    topic = settings.event_topics[0]
    async with (
        AIOKafkaProducer(
            bootstrap_servers=kafka.bootstrap_servers, transactional_id=f"{topic}-writer"
        ) as producer,
        archiving(settings, ArchiveStore(archive(settings))),
    ):
        for number in range(4):
            async with producer.transaction():
                await producer.send_and_wait(topic, an_event(f"s{number}"), partition=0)
            await until(has_rows(settings, number + 1))
            await producer.begin_transaction()
            await producer.send_and_wait(topic, an_event("aborted"), partition=0)
            await producer.abort_transaction()
    archived = ArchivedLog(ArchiveStore(archive(settings)))
    assert archived.gaps == {}
    assert [row["session_id"] for row in rows_of(archive(settings))] == ["s0", "s1", "s2", "s3"]


async def test_message_that_the_client_cannot_parse_is_counted_and_passed_over(
    kafka: Kafka, settings: ArchiveSettings
) -> None:
    await send(settings, 2)
    await asyncio.to_thread(send_odd, kafka.bootstrap_servers, settings.event_topics[0])
    await send(settings, 2, 2)
    async with archiving(settings, ArchiveStore(archive(settings))):
        await until(has_rows(settings, 4))
    archived = ArchivedLog(ArchiveStore(archive(settings)))
    assert (archived.survey().invalid, archived.gaps) == (1, {})


async def test_largest_segment_is_written_when_memory_is_full(settings: ArchiveSettings) -> None:
    patient = settings.model_copy(
        update={"archive_file_rows": 10_000, "archive_file_age_s": 600.0, "archive_buffer_mb": 0.002}
    )
    await send(patient, 40)
    async with archiving(patient, ArchiveStore(archive(patient))):
        await until(has_rows(patient, 20))


async def test_object_store_is_archived_to_alike(settings: ArchiveSettings, prefix: str) -> None:
    url = f"memory://{prefix}archive"
    await send(settings, 20)
    async with archiving(settings, ArchiveStore(url)):
        await until(lambda: len(offsets_of(url)) >= 20)
    assert offsets_of(url) == everything(20)


async def test_zombie_that_writes_what_its_successor_has_archived_doubles_nothing(
    settings: ArchiveSettings,
) -> None:
    await send(settings, 40)
    async with archiving(settings, ArchiveStore(archive(settings))):
        await until(has_rows(settings, 40))
        topic = settings.event_topics[0]
        late = [a_record(an_event(f"s{2 * at}"), at, 0, topic=topic) for at in range(3, 18)]
        write_records(ArchiveStore(archive(settings)), late)  # its own cut of the log, over borders of files
        await send(settings, 20, 40)
        await until(has_rows(settings, 60))
    assert offsets_of(archive(settings)) == everything(60)


def lose_files(settings: ArchiveSettings) -> None:
    for path in Path(archive(settings)).rglob("*.parquet"):
        path.unlink()


async def test_archive_is_the_truth_and_not_the_committed_offset(settings: ArchiveSettings) -> None:
    await send(settings, 20)
    async with archiving(settings, ArchiveStore(archive(settings))):
        await until(has_rows(settings, 20))
    lose_files(settings)  # the group's offsets are still committed
    async with archiving(settings, ArchiveStore(archive(settings))):
        await until(has_rows(settings, 20))
    assert offsets_of(archive(settings)) == everything(20)


def let_retention_take(settings: ArchiveSettings, before: int) -> None:
    """As Kafka's retention does, at once."""
    admin = AdminClient({"bootstrap.servers": settings.kafka_bootstrap_servers})
    topic = settings.event_topics[0]
    for partition in range(PARTITIONS):
        wanted = ConfluentPartition(topic, partition, before)
        admin.delete_records([wanted])[wanted].result(timeout=DEADLINE_S)


def retrain_settings(settings: ArchiveSettings) -> RetrainSettings:
    return RetrainSettings(
        kafka_bootstrap_servers=settings.kafka_bootstrap_servers,
        event_topics=settings.event_topics,
        archive=settings.archive,
    )


async def test_retrain_reads_from_the_archive_what_the_topic_has_no_more(
    kafka: Kafka, settings: ArchiveSettings
) -> None:
    if kafka.kind == "embedded":
        pytest.skip("the embedded broker has no retention")
    await asyncio.to_thread(Path(archive(settings)).mkdir)
    await send(settings, 40)
    everything_in_kafka = await asyncio.to_thread(read_event_log, retrain_settings(settings))
    async with archiving(settings, ArchiveStore(archive(settings))):
        await until(has_rows(settings, 40))
    let_retention_take(settings, 15)
    log = await asyncio.to_thread(read_event_log, retrain_settings(settings))
    assert log.recorded.events.rows() == everything_in_kafka.recorded.events.rows()
    assert log.ranges == everything_in_kafka.ranges
    assert log.warnings == ()
    await send(settings, 20, 40)
    behind = await asyncio.to_thread(read_event_log, retrain_settings(settings))
    assert set(behind.recorded.events["session_id"][40:]) == {f"s{number}" for number in range(40, 60)}
    assert [(one.first_offset, one.next_offset) for one in behind.ranges] == [(0, 30), (0, 30)]


async def test_what_retention_took_before_it_was_archived_is_counted_and_told(
    kafka: Kafka, settings: ArchiveSettings
) -> None:
    if kafka.kind == "embedded":
        pytest.skip("the embedded broker has no retention")
    await send(settings, 20)
    async with archiving(settings, ArchiveStore(archive(settings))):
        await until(has_rows(settings, 20))
    await send(settings, 40, 20)
    let_retention_take(settings, 15)
    log = await asyncio.to_thread(read_event_log, retrain_settings(settings))
    assert [line.partition(" are ")[0] for line in log.warnings] == [
        f"{settings.event_topics[0]}[{partition}]: 5 offsets before 15" for partition in range(PARTITIONS)
    ]
    async with archiving(settings, ArchiveStore(archive(settings))):
        await until(has_rows(settings, 50))
    assert sum(ArchivedLog(ArchiveStore(archive(settings))).gaps.values()) == 10


async def test_topic_that_was_made_anew_is_refused(settings: ArchiveSettings) -> None:
    topic = settings.event_topics[0]
    write_records(ArchiveStore(archive(settings)), [a_record(None, 500, 0, topic=topic)])
    with pytest.raises(UsageError, match="made anew"):
        async with archiving(settings, ArchiveStore(archive(settings))) as archiver:
            await asyncio.wait_for(archiver, DEADLINE_S)
    with pytest.raises(UsageError, match="made anew"):
        await asyncio.to_thread(read_event_log, retrain_settings(settings))
