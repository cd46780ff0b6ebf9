"""Announcing, promoting and rolling back, on a real Kafka."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest
from msgspec.structs import replace

from retrain.releases.announcing import announce, claim_generation, read_announcements, running_announcement
from retrain.releases.release_promotion import find_rollback, promote
from schemas.connections import kafka_arguments
from schemas.errors import InvalidRelease, Unavailable, UsageError
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement
from schemas.settings import SharedSettings
from streams.dev.ports import free_port
from tests.odd_messages import send_odd
from tests.release_builder import corrupt, write_release_tables
from tests.services.kafka_broker import Kafka

R1, R2 = ReleaseId("r1"), ReleaseId("r2")


@pytest.fixture
def settings(kafka: Kafka, prefix: str, tmp_path: Path) -> SharedSettings:
    """Releases r1 and r2, and an empty releases topic."""
    for release_id in (R1, R2):
        write_release_tables(tmp_path, release_id, ["a", "b"])
    return SharedSettings(
        kafka_bootstrap_servers=kafka.bootstrap_servers,
        releases_topic=kafka.create_topic(f"{prefix}releases", partitions=1),
        releases=str(tmp_path),
    )


def announced(settings: SharedSettings) -> list[tuple[int, str]]:
    found = read_announcements(kafka_arguments(settings), settings.releases_topic)
    return [(one.announcement.generation, one.announcement.release_id) for one in found]


def test_generations_rise_from_one(settings: SharedSettings) -> None:
    assert [promote(settings, release_id).generation for release_id in (R1, R2, R2)] == [1, 2, 3]
    assert announced(settings) == [(1, R1), (2, R2), (3, R2)]


def test_rollback_goes_to_the_release_before_the_running_one_and_back(settings: SharedSettings) -> None:
    for release_id in (R1, R2, R2):
        promote(settings, release_id)
    assert find_rollback(settings).release_id == R1
    promote(settings, R1)
    assert announced(settings)[-1] == (4, R1)
    assert find_rollback(settings).release_id == R2


def test_rollback_without_an_earlier_release_is_a_usage_error(settings: SharedSettings) -> None:
    with pytest.raises(UsageError, match="before any"):
        find_rollback(settings)
    promote(settings, R1)
    with pytest.raises(UsageError, match=r"before r1.*millrace releases promote"):
        find_rollback(settings)


def test_corrupt_release_is_not_announced(settings: SharedSettings) -> None:
    corrupt(Path(settings.releases), R1)
    with pytest.raises(InvalidRelease, match="corrupt"):
        promote(settings, R1)
    assert announced(settings) == []


def test_announcers_at_once_get_distinct_generations(settings: SharedSettings) -> None:
    kafka, topic = kafka_arguments(settings), settings.releases_topic
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: announce(kafka, topic, R1).generation, range(4)))
    assert len(set(made)) == 4
    running = running_announcement(read_announcements(kafka, topic))
    assert running is not None
    assert running.generation == max(made)


def test_announcement_that_the_client_sent_twice_is_still_the_first(settings: SharedSettings) -> None:
    kafka, topic = kafka_arguments(settings), settings.releases_topic
    mine = ReleaseAnnouncement(release_id=R1, generation=1, announced_at=datetime(2026, 1, 1, tzinfo=UTC))
    assert claim_generation(kafka, topic, mine)
    assert claim_generation(kafka, topic, mine)
    assert not claim_generation(kafka, topic, replace(mine, release_id=R2))


def test_announcement_that_the_client_cannot_parse_is_passed_over(settings: SharedSettings) -> None:
    promote(settings, R1)
    send_odd(settings.kafka_bootstrap_servers, settings.releases_topic)
    promote(settings, R2)
    assert announced(settings) == [(1, R1), (2, R2)]
    assert find_rollback(settings).release_id == R1


def test_kafka_that_is_away_is_named() -> None:
    kafka = {"bootstrap_servers": f"127.0.0.1:{free_port()}"}
    with pytest.raises(
        Unavailable,
        match=r"^Kafka at \S+ cannot be reached; start it, or set MILLRACE_KAFKA_BOOTSTRAP_SERVERS$",
    ):
        announce(kafka, "releases", R1)
