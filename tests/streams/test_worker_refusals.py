"""What a worker and `topics create` refuse to start with: one line that says what is wrong, exit code 2."""

import socket

import pytest
from confluent_kafka.admin import AdminClient, ConfigResource  # type: ignore[attr-defined]  # not re-exported

import millrace
from streams.dev.ports import free_port
from tests.services.kafka_broker import Kafka
from tests.streams.worker_stage import DEADLINE_S, Stage
from tests.streams.worker_troubles import refusal_of


def refusal(stage: Stage, **settings: str) -> str:
    """The one line of a worker that does not start."""
    return refusal_of(stage.launch(**settings))


def command_refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """The one line of a command that is refused; it prints nothing else."""
    assert millrace.run(arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    return line


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("MILLRACE_K", "abc", "MILLRACE_K=abc: input should be a valid integer"),
        ("MILLRACE_K", "0", "MILLRACE_K=0: input should be greater than or equal to 1"),
        ("MILLRACE_EVENT_TYPE_MAP", "wish=like", "MILLRACE_EVENT_TYPE_MAP"),
        ("MILLRACE_EXCLUDE_EVENT_TYPES", "bought", "unknown event type 'bought'"),
        ("MILLRACE_START_AT", "yesterday", "MILLRACE_START_AT=yesterday"),
    ],
)
def test_wrong_setting_is_named_with_its_value(
    variable: str,
    value: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setenv(variable, value)
    assert said in command_refusal(capsys, "worker")


def test_unreachable_kafka_is_named(stage: Stage) -> None:
    address = f"127.0.0.1:{free_port()}"
    line = refusal(stage, MILLRACE_KAFKA_BOOTSTRAP_SERVERS=address)
    assert address in line
    assert "MILLRACE_KAFKA_BOOTSTRAP_SERVERS" in line


def test_unreachable_redis_is_named(stage: Stage) -> None:
    line = refusal(stage, MILLRACE_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0")
    assert "MILLRACE_REDIS_URL" in line


def test_missing_topics_are_named_with_the_remedy(stage: Stage) -> None:
    line = refusal(stage, MILLRACE_EVENT_TOPICS="no-such-events", MILLRACE_ITEMS_TOPIC="no-such-items")
    assert "no-such-events, no-such-items" in line
    assert "millrace topics create" in line


def test_too_few_partitions_for_the_lists_are_refused(stage: Stage) -> None:
    narrow = stage.kafka.create_topic(f"{stage.environment['MILLRACE_RECOMMENDATIONS_TOPIC']}-narrow", 3)
    line = refusal(stage, MILLRACE_RECOMMENDATIONS_TOPIC=narrow)
    assert f"topic {narrow} has 3 partitions, the event topics have 8" in line


def test_event_topics_of_different_partition_counts_are_refused(stage: Stage) -> None:
    events = stage.environment["MILLRACE_EVENT_TOPICS"]
    narrow = stage.kafka.create_topic(f"{events}-narrow", 3)
    assert "MILLRACE_EVENT_TOPICS" in refusal(stage, MILLRACE_EVENT_TOPICS=f"{events},{narrow}")


def test_port_in_use_is_named(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        worker = stage.children.start_millrace(
            "worker", env={**stage.environment, "MILLRACE_WORKER_PORT": port}
        )
        assert worker.wait(DEADLINE_S) == 2
    line = worker.log_tail(1)
    assert line.startswith(f"millrace: MILLRACE_WORKER_PORT={port}: ")


def test_another_number_of_buckets_than_redis_was_first_used_with_is_refused(stage: Stage) -> None:
    with stage.redis() as redis:
        redis.set("millrace:buckets", 16)
    assert "MILLRACE_REDIS_BUCKETS=1: this Redis was first used with 16" in refusal(stage)


@pytest.fixture
def topic_names(kafka: Kafka, prefix: str, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Names for all topics, in the environment."""
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    names = {}
    for setting in (
        "EVENT_TOPICS",
        "RECOMMENDATIONS_TOPIC",
        "DEAD_LETTER_TOPIC",
        "ITEMS_TOPIC",
        "RELEASES_TOPIC",
        "SIDE_INDEX_TOPIC",
    ):
        names[setting] = prefix + setting.lower()
        monkeypatch.setenv(f"MILLRACE_{setting}", names[setting])
    return names


@pytest.mark.usefixtures("apache_kafka")
def test_created_topics_have_their_partitions_and_cleanup(
    kafka: Kafka, topic_names: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert millrace.run(["topics", "create", "--partitions", "3"]) == 0
    assert f"{topic_names['EVENT_TOPICS']}: created" in capsys.readouterr().out
    admin = AdminClient({"bootstrap.servers": kafka.bootstrap_servers})
    described = admin.list_topics(timeout=30).topics
    counts = {setting: len(described[name].partitions) for setting, name in topic_names.items()}
    assert counts == {
        "EVENT_TOPICS": 3,
        "RECOMMENDATIONS_TOPIC": 3,
        "DEAD_LETTER_TOPIC": 1,
        "ITEMS_TOPIC": 1,
        "RELEASES_TOPIC": 1,
        "SIDE_INDEX_TOPIC": 1,
    }
    resource = ConfigResource(ConfigResource.Type.TOPIC, topic_names["RECOMMENDATIONS_TOPIC"])
    config = admin.describe_configs([resource])[resource].result(30)
    assert config["cleanup.policy"].value == "compact,delete"
    assert config["min.compaction.lag.ms"].value == str(24 * 3_600_000)


@pytest.mark.usefixtures("apache_kafka")
def test_topics_that_exist_are_left_alone(
    topic_names: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert millrace.run(["topics", "create", "--partitions", "2"]) == 0
    capsys.readouterr()
    assert millrace.run(["topics", "create", "--partitions", "4"]) == 0
    assert f"{topic_names['ITEMS_TOPIC']}: exists already" in capsys.readouterr().out


@pytest.mark.usefixtures("apache_kafka")
def test_more_replicas_than_brokers_are_refused(
    topic_names: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    line = command_refusal(capsys, "topics", "create", "--replication-factor", "3")
    assert topic_names["EVENT_TOPICS"] in line
    assert "ReplicationFactor" in line


def test_topics_cannot_be_created_without_kafka(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
    assert "cannot be reached" in command_refusal(capsys, "topics", "create")
