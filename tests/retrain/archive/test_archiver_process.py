"""`millrace archive` as a process on a real Kafka: killed, doubled, restarted; compared with the topic."""

import signal
from pathlib import Path

import pytest

from streams.dev.child_processes import ChildProcesses
from tests.retrain.archive.archiver_runs import (
    READY_S,
    an_event,
    files_of,
    metric,
    offsets_of,
    produce,
    rows_of,
    start_archiver,
)
from tests.services.kafka_broker import Kafka

PARTITIONS = 2


@pytest.fixture
def environment(kafka: Kafka, prefix: str, tmp_path: Path) -> dict[str, str]:
    return {
        "MILLRACE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "MILLRACE_EVENT_TOPICS": kafka.create_topic(f"{prefix}events", PARTITIONS),
        "MILLRACE_ARCHIVE_GROUP": f"{prefix}archive",
        "MILLRACE_ARCHIVE": str(tmp_path / "archive"),
        "MILLRACE_ARCHIVE_FILE_AGE_S": "0.3",
        "MILLRACE_ARCHIVE_PORT": "0",
    }


async def send(environment: dict[str, str], values: list[bytes]) -> None:
    servers = environment["MILLRACE_KAFKA_BOOTSTRAP_SERVERS"]
    await produce(servers, environment["MILLRACE_EVENT_TOPICS"], values, PARTITIONS)


def everything(events: int) -> list[tuple[int, int]]:
    """Partition and offset of so many messages."""
    return sorted((number % PARTITIONS, number // PARTITIONS) for number in range(events))


async def test_events_become_rows_and_what_may_not_be_kept_is_counted(
    environment: dict[str, str], children: ChildProcesses
) -> None:
    archive = Path(environment["MILLRACE_ARCHIVE"])
    first = an_event("s1", "a", user_id="u", price=2.5, event_id="e1", position=3, recommendation_id="r")
    erase = b'{"session_id":"s4","event_type":"erase","occurred_at":9}'
    await send(environment, [first, an_event("s2", consent=False), an_event("s3", "b"), b"{", erase])
    archiver = start_archiver(children, "archiver", environment)
    archiver.wait_until(lambda: len(offsets_of(archive)) == 3, READY_S, "archived")
    archiver.wait_until(lambda: metric(archiver, "millrace_archive_left_out_total") == 2, READY_S, "counted")
    archiver.wait_until(lambda: metric(archiver, "millrace_archive_lag") == 0, READY_S, "caught up")
    rows = rows_of(archive)
    assert [(row["session_id"], row["event_type"], row["item_id"]) for row in rows] == [
        ("s1", "view", "a"),
        ("s3", "view", "b"),
        ("s4", "erase", None),
    ]
    assert {**rows[0], "logged_at_ms": 0} == {
        "session_id": "s1",
        "item_id": "a",
        "event_type": "view",
        "occurred_at_ms": 1000,
        "event_id": "e1",
        "user_id": "u",
        "price": 2.5,
        "quantity": None,
        "recommendation_id": "r",
        "position": 3,
        "topic": environment["MILLRACE_EVENT_TOPICS"],
        "partition": 0,
        "offset": 0,
        "logged_at_ms": 0,
    }


async def test_sigterm_writes_what_was_read_and_exits_cleanly(
    environment: dict[str, str], children: ChildProcesses
) -> None:
    archive = Path(environment["MILLRACE_ARCHIVE"])
    await send(environment, [an_event(f"s{number}") for number in range(20)])
    slow = {**environment, "MILLRACE_ARCHIVE_FILE_AGE_S": "600"}
    archiver = start_archiver(children, "archiver", slow)
    archiver.wait_until(
        lambda: metric(archiver, "millrace_archive_buffered_bytes") > 20 * 170, READY_S, "done with reading"
    )
    assert offsets_of(archive) == []
    assert archiver.terminate(READY_S) == 0
    assert offsets_of(archive) == everything(20)


async def test_killed_archiver_is_followed_by_one_that_goes_on_behind_the_archive(
    environment: dict[str, str], children: ChildProcesses
) -> None:
    archive = Path(environment["MILLRACE_ARCHIVE"])
    await send(environment, [an_event(f"s{number}") for number in range(1000)])
    small = {**environment, "MILLRACE_ARCHIVE_FILE_ROWS": "100", "MILLRACE_ARCHIVE_COMPACT_EVERY_S": "0.2"}
    for life in range(3):
        archiver = start_archiver(children, f"archiver-{life}", small)
        archiver.wait_until(lambda: len(files_of(archive)) > 0, READY_S, "writing")
        await send(environment, [an_event(f"later{number}") for number in range(1000)])
        archiver.kill()
        archived = offsets_of(archive)
        assert archived == sorted(set(archived))
    last = start_archiver(children, "last", small)
    last.wait_until(lambda: len(offsets_of(archive)) == 4000, READY_S, "archived")
    assert offsets_of(archive) == everything(4000)


async def test_two_archivers_share_the_partitions_and_one_that_wakes_up_late_doubles_nothing(
    environment: dict[str, str], children: ChildProcesses
) -> None:
    archive = Path(environment["MILLRACE_ARCHIVE"])
    slow = {**environment, "MILLRACE_ARCHIVE_FILE_AGE_S": "3"}
    one = start_archiver(children, "one", slow)
    await send(environment, [an_event() for _ in range(500)])
    one.wait_until(lambda: len(offsets_of(archive)) > 0, READY_S, "archiving")
    two = start_archiver(children, "two", environment)
    two.wait_until(lambda: "partitions given" in two.log_path.read_text(), READY_S, "given partitions")
    await send(environment, [an_event() for _ in range(500)])
    one.wait_until(lambda: metric(one, "millrace_archive_buffered_bytes") > 0, READY_S, "reading")
    one.send_signal(signal.SIGSTOP)
    two.wait_until(lambda: metric(two, "millrace_archive_files_total") > 0, READY_S, "archiving")
    await send(environment, [an_event() for _ in range(500)])
    two.wait_until(lambda: len(offsets_of(archive)) >= 1500, READY_S, "archived")
    one.send_signal(signal.SIGCONT)  # it has read what the other has archived
    await send(environment, [an_event() for _ in range(500)])
    two.wait_until(lambda: len(offsets_of(archive)) >= 2000, READY_S, "archived")
    assert (one.terminate(READY_S), two.terminate(READY_S)) == (0, 0)
    assert offsets_of(archive) == everything(2000)
