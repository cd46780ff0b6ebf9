"""`millrace retrain once`, as one types it: from a real Kafka, or a file, to a release that can be served."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import polars as pl
import pytest
import redis
from aiokafka import AIOKafkaProducer

import millrace
from models.recommender import Recommender, SessionEvent
from models.release import load_release
from retrain.releases.announcing import read_announcements
from retrain.runs.run_folder import read_run
from schemas.ids import ItemId, SessionId
from schemas.item_event import ItemEvent
from schemas.redis_keys import WORKERS
from schemas.release_announcement import ReleaseAnnouncement
from schemas.release_manifest import LogRange
from schemas.worker_heartbeat import WorkerHeartbeat, encode_worker_heartbeat
from streams.dev.ports import free_port
from streams.pacing import MonotonicClock, Pace
from streams.replaying import PRODUCER_ARGUMENTS, replay
from tests.retrain.planted_sessions import ring_events
from tests.services.kafka_broker import Kafka

EVENTS = ring_events(sessions=200, noise=0)


@pytest.fixture
def releases(tmp_path: Path) -> Path:
    return tmp_path / "releases"


@pytest.fixture
def environment(
    kafka: Kafka,
    redis_url: str,
    prefix: str,
    releases: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, str]:
    """The settings, with topics of the test's own and a small model."""
    config = tmp_path / "small.json"
    config.write_text(
        '{"hidden_size": 16, "epochs": 3, "min_steps": 150, "batch_size": 16, "n_negatives": 8}'
    )
    variables = {
        "MILLRACE_KAFKA_BOOTSTRAP_SERVERS": kafka.bootstrap_servers,
        "MILLRACE_EVENT_TOPICS": kafka.create_topic(f"{prefix}events", 3),
        "MILLRACE_RELEASES_TOPIC": kafka.create_topic(f"{prefix}releases", 1),
        "MILLRACE_RELEASES": str(releases),
        "MILLRACE_REDIS_URL": redis_url,
        "MILLRACE_RETRAIN_WORK": str(tmp_path / "work"),
        "MILLRACE_RETRAIN_WATCH_S": "0",
        "MILLRACE_GATE_MIN_PREDICTIONS": "20",
        "MILLRACE_GATE_RECALL_LOSS": "1",
        "MILLRACE_GATE_MRR_LOSS": "1",
        "MILLRACE_RETRAIN_CONFIG": str(config),
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return variables


async def produce(environment: dict[str, str], events: pl.DataFrame, *broken: bytes) -> None:
    """Events into the topic, and something else behind them."""
    topic = environment["MILLRACE_EVENT_TOPICS"]
    servers = environment["MILLRACE_KAFKA_BOOTSTRAP_SERVERS"]
    async with AIOKafkaProducer(bootstrap_servers=servers, **PRODUCER_ARGUMENTS) as producer:
        await replay(events, producer, topic, Pace(None, MonotonicClock()))
        for value in broken:
            await producer.send_and_wait(topic, value)


def announced(environment: dict[str, str]) -> list[ReleaseAnnouncement]:
    kafka = {"bootstrap_servers": environment["MILLRACE_KAFKA_BOOTSTRAP_SERVERS"]}
    return [one.announcement for one in read_announcements(kafka, environment["MILLRACE_RELEASES_TOPIC"])]


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The last line, of a command that exits with code 2."""
    assert millrace.run(["retrain", "once", *arguments]) == 2
    return capsys.readouterr().err.splitlines()[-1]


@pytest.fixture
def event_file(tmp_path: Path) -> Path:
    path = tmp_path / "events.parquet"
    EVENTS.rename({"occurred_at_ms": "timestamp"}).write_parquet(path)
    return path


@pytest.fixture
async def filled(environment: dict[str, str]) -> dict[str, str]:
    without_consent = {**EVENTS.row(0, named=True), "consent": False, "occurred_at": 1}
    await produce(environment, EVENTS, b"{", msgspec.json.encode(without_consent))
    return environment


def test_topic_becomes_a_release_that_is_announced_and_recommends(
    filled: dict[str, str], releases: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert millrace.run(["retrain", "once"]) == 0
    said = capsys.readouterr().out
    assert f"{len(EVENTS)} events from" in said.replace(",", "")
    assert "1 invalid, 1 without consent" in said
    (announcement,) = announced(filled)
    assert announcement.generation == 1
    release = load_release(releases / announcement.release_id)
    event = ItemEvent(session_id=SessionId("s"), item_id=ItemId("2-3"), event_type="view", occurred_at_ms=0)
    outcome = Recommender(release, 5).recommend({}, [SessionEvent(event, 0)])
    (recommendation,) = outcome.recommendations
    assert recommendation is not None
    assert release.vocabulary.item_id(recommendation.ranked.rows[0]) == "2-4"


def test_refused_candidate_is_named_with_the_command_that_announces_it_all_the_same(
    environment: dict[str, str],
    event_file: Path,
    releases: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv("MILLRACE_GATE_SCORE_LIMIT", "1e-9")
    assert millrace.run(["retrain", "once", "--events", str(event_file)]) == 1
    said = capsys.readouterr().out
    (refused,) = (path.parent.name for path in releases.glob("*/manifest.json"))
    assert "published, not announced: the gate refuses it: score_range" in said
    assert f"`millrace releases promote {refused} --force` announces it all the same" in said
    assert announced(environment) == []


def test_manifest_tells_what_was_read_and_how_good_it_is(filled: dict[str, str], releases: Path) -> None:
    assert millrace.run(["retrain", "once"]) == 0
    manifest = load_release(releases / announced(filled)[0].release_id).manifest
    ranges = manifest.data.log_ranges
    assert isinstance(ranges, list)
    assert [(one.partition, one.first_offset) for one in ranges] == [(0, 0), (1, 0), (2, 0)]
    assert sum(one.next_offset for one in ranges) == len(EVENTS) + 2
    assert (
        LogRange(
            topic=filled["MILLRACE_EVENT_TOPICS"],
            partition=0,
            first_offset=0,
            next_offset=ranges[0].next_offset,
        )
        in ranges
    )
    assert manifest.data.events == len(EVENTS)
    (run_folder,) = (releases / "runs").glob("retrain-*")
    run = read_run(run_folder)
    assert run.end is not None
    assert (run.end.status, run.end.release_id, run.end.data) == (
        "finished",
        manifest.release_id,
        manifest.data,
    )
    assert {"training", "judging", "publishing", "announcing"} <= run.end.seconds.keys()
    metrics = run.metrics
    assert metrics == manifest.metrics
    assert metrics["recall@20"] > 0.95 > metrics["popularity_recall@20"] > 0.2
    assert metrics["predictions"] > 20


def test_file_becomes_a_release_without_log_ranges(
    environment: dict[str, str], releases: Path, event_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert millrace.run(["retrain", "once", "--events", str(event_file)]) == 0
    said = capsys.readouterr().out
    assert re.search(r"Recall@20 0\.9\d+|Recall@20 1\.0000", said)
    (announcement,) = announced(environment)
    folder = releases / announcement.release_id
    load_release(folder)
    assert b"log_ranges" not in (folder / "manifest.json").read_bytes()


@pytest.mark.parametrize("command", [["once"], ["--schedule", "0 3 * * *"]])
def test_share_of_zero_for_the_gate_is_refused_at_the_start(
    environment: dict[str, str],
    command: list[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    config = tmp_path / "whole.json"
    config.write_text('{"hidden_size": 4, "epochs": 1, "min_steps": 0, "test_share": 0}')
    monkeypatch.setenv("MILLRACE_RETRAIN_CONFIG", str(config))
    assert millrace.run(["retrain", *command]) == 2
    assert "test_share: 0 keeps no session for the gate" in capsys.readouterr().err
    assert announced(environment) == []


def test_release_whose_last_sessions_predict_nothing_is_announced_unjudged(
    environment: dict[str, str], event_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = pl.read_parquet(event_file)
    newest = log["timestamp"].max()
    assert isinstance(newest, int)
    single = pl.DataFrame(
        [
            {"session_id": f"single-{at}", "item_id": "0-1", "event_type": "view", "timestamp": newest + at}
            for at in range(1, log["session_id"].n_unique())
        ],
        schema=log.schema,
    )
    pl.concat([log, single]).write_parquet(event_file)
    assert millrace.run(["retrain", "once", "--events", str(event_file)]) == 0
    said = capsys.readouterr().out
    assert "not evaluated" in said
    assert "without the newest events: none of the" in said
    assert len(announced(environment)) == 1


def test_second_retrain_is_the_next_generation(environment: dict[str, str], event_file: Path) -> None:
    for _ in range(2):
        assert millrace.run(["retrain", "once", "--events", str(event_file)]) == 0
    first, second = announced(environment)
    assert (second.generation, second.previous) == (2, first.release_id)


def test_empty_topic_is_refused(environment: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert "no events to learn from in topic" in refusal(capsys)
    assert announced(environment) == []


def test_window_before_any_event_is_refused(
    filled: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "no events to learn from" in refusal(capsys, "--since", "2999-01-01T00:00:00Z")
    assert announced(filled) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--since", "yesterday"], "--since yesterday: give RFC 3339"),
        (["--since", "2026-01-31T00:00:00"], "the zone is missing"),
        (["--since", "2026-01-31T00:00:00Z", "--events", "f.csv"], "give one of them"),
        (["--events", "none.parquet"], "no such file"),
        (["--config", "none.toml"], "model config none.toml: cannot be read"),
    ],
)
def test_wrong_call_is_refused_in_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], said: str
) -> None:
    assert said in refusal(capsys, *arguments)


def test_absent_redis_is_told_with_the_way_out(
    environment: dict[str, str],
    event_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MILLRACE_REDIS_URL", f"redis://127.0.0.1:{free_port()}/0")
    said = refusal(capsys, "--events", str(event_file))
    assert "is MILLRACE_REDIS_URL right?" in said
    assert "--no-lock does without it" in said
    assert announced(environment) == []
    for _ in range(2):
        assert millrace.run(["retrain", "once", "--events", str(event_file), "--no-lock"]) == 0
    assert "announced as generation 2, running" in capsys.readouterr().out


def test_cycle_that_does_not_end_running_has_an_exit_code_of_its_own(
    environment: dict[str, str],
    redis_url: str,
    event_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MILLRACE_RETRAIN_WAIT_S", "0")
    ahead = datetime.now(UTC) + timedelta(minutes=10)  # its clock, so that it stays live
    heartbeat = WorkerHeartbeat(worker_id="w1", at=ahead, started_at=ahead, ready=True)
    with redis.Redis.from_url(redis_url) as client:
        client.hset(WORKERS, "w1", encode_worker_heartbeat(heartbeat))
    assert millrace.run(["retrain", "once", "--events", str(event_file)]) == 1
    assert "unconfirmed: w1 did not report it within 0 s" in capsys.readouterr().out


def test_absent_kafka_is_told_before_the_training(
    environment: dict[str, str],
    releases: Path,
    event_file: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    assert "cannot be reached; start it, or set MILLRACE_KAFKA_BOOTSTRAP_SERVERS" in refusal(
        capsys, "--events", str(event_file)
    )
    assert not releases.exists()
