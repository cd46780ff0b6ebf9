"""Every client of Kafka through TLS and SASL, and what each says where Kafka does not let it in."""

from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest

import millrace
from streams.dev.child_processes import ChildProcesses
from tests.odd_messages import send_odd
from tests.services.certificates import Authority
from tests.services.kafka_choice import Machine
from tests.services.secured_kafka import (
    ADMIN,
    MECHANISMS,
    PASSWORDS,
    SHOP,
    SecuredKafka,
    running_secured_kafka,
)
from tests.streams.looking_up import looked_up
from tests.streams.worker_stage import DEADLINE_S, Stage, make_stage
from tests.streams.worker_troubles import refusal_of

SESSIONS = [f"shopper-{number}" for number in range(10)]
PROTOCOLS = [("SSL", ""), *(("SASL_SSL", one) for one in MECHANISMS), ("SASL_PLAINTEXT", "SCRAM-SHA-256")]
Say = Callable[..., str]


@pytest.fixture(scope="module")
def secured_kafka(machine: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SecuredKafka]:
    """A Kafka with TLS, SASL and ACLs."""
    if machine.java is None or machine.maven is None:
        pytest.skip("a Kafka with users of its own needs Java 17 and Maven")
    with running_secured_kafka(machine, tmp_path_factory.mktemp("secured-kafka")) as running:
        yield running


@pytest.fixture
def stage(
    secured_kafka: SecuredKafka, redis_url: str, prefix: str, children: ChildProcesses, tmp_path: Path
) -> Stage:
    """A stage whose tests talk to the plain listener; its programs need settings to get in."""
    stage = make_stage(secured_kafka.kafka, redis_url, prefix, children, tmp_path / "releases")
    stage.publish("r1")
    return stage


@pytest.fixture
def say(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Say:
    """Runs a command with settings; what it says where it is refused."""

    def run(settings: dict[str, str], *arguments: str) -> str:
        for name, value in settings.items():
            monkeypatch.setenv(name, value)
        assert millrace.run(arguments) == 2
        line = capsys.readouterr().err.splitlines()[-1]
        assert line.startswith("millrace: ")
        return line

    return run


def test_worker_lookup_and_commands_come_by_sasl_over_tls(
    stage: Stage, secured_kafka: SecuredKafka, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stage.environment |= secured_kafka.settings("SASL_SSL") | {"MILLRACE_LOG_LEVEL": "debug"}
    worker, lookup, traffic = stage.start_worker(), stage.start_lookup(), stage.traffic()
    traffic.clicks(SESSIONS, each=2)
    traffic.send(b"no event")
    traffic.flush()
    with closing(stage.lists()) as lists:
        lists.read_all(traffic.answers().keys())
        assert lists.wrong(traffic.answers()) == {}
    last = {str(session): str(one) for session, one in traffic.last_ids().items()}
    worker.wait_for(lambda: {one: looked_up(lookup, one) for one in last} == last, "done with saving")
    worker.wait_for(lambda: worker.metric("millrace_dead_letters_total") == 1, "at the dead letter")
    assert worker.troubles() == {}
    assert [one.name for one in stage.children.started if PASSWORDS[ADMIN] in one.log_path.read_text()] == []
    for name, value in stage.environment.items():
        monkeypatch.setenv(name, value)
    events = tmp_path / "events.jsonl"
    pl.DataFrame({"session_id": ["s"], "item_id": ["item-1"]}).write_ndjson(events)
    for arguments in (
        ["topics", "create"],
        ["replay", str(events)],
        ["dead-letters", "show"],
        ["dead-letters", "replay"],
        ["releases", "list"],
        ["releases", "promote", "r1"],
    ):
        assert millrace.run(arguments) == 0, arguments


@pytest.mark.parametrize(("protocol", "mechanism"), PROTOCOLS)
def test_every_protocol_and_mechanism_reaches_kafka(
    protocol: str, mechanism: str, secured_kafka: SecuredKafka, prefix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in secured_kafka.settings(protocol, mechanism).items():
        monkeypatch.setenv(name, value)
    for name in (
        "EVENT_TOPICS",
        "RECOMMENDATIONS_TOPIC",
        "DEAD_LETTER_TOPIC",
        "ITEMS_TOPIC",
        "RELEASES_TOPIC",
        "SIDE_INDEX_TOPIC",
    ):
        monkeypatch.setenv(f"MILLRACE_{name}", prefix + name.lower())
    assert millrace.run(["topics", "create", "--partitions", "1"]) == 0
    assert millrace.run(["dead-letters", "show"]) == 0


def test_worker_comes_by_tls_with_a_certificate(stage: Stage, secured_kafka: SecuredKafka) -> None:
    stage.start_worker(**secured_kafka.settings("SSL"))
    traffic = stage.traffic()
    traffic.clicks(SESSIONS, each=1)
    with closing(stage.lists()) as lists:
        lists.read_all(traffic.answers().keys())


@pytest.mark.parametrize(
    "command",
    [
        ("worker",),
        ("lookup", "--port", "0"),
        ("topics", "create"),
        ("dead-letters", "show"),
        ("releases", "rollback"),
        ("retrain", "once"),
    ],
)
def test_wrong_password_is_told_with_its_setting(
    command: tuple[str, ...], stage: Stage, secured_kafka: SecuredKafka, say: Say
) -> None:
    wrong = {"MILLRACE_KAFKA_SASL_PASSWORD": "wrong-one", "MILLRACE_WORKER_PORT": "0"}
    line = say(stage.environment | secured_kafka.settings("SASL_SSL") | wrong, *command)
    assert "cannot be reached: " in line
    assert "check MILLRACE_KAFKA_SASL_USERNAME, MILLRACE_KAFKA_SASL_PASSWORD" in line
    assert "wrong-one" not in line


def test_untrusted_certificate_is_told_with_its_setting(
    secured_kafka: SecuredKafka, say: Say, tmp_path: Path
) -> None:
    stranger = {"MILLRACE_KAFKA_SSL_CAFILE": str(Authority(tmp_path, "stranger").certificate)}
    line = say(secured_kafka.settings("SASL_SSL") | stranger, "topics", "create")
    assert "certificate is not trusted" in line
    assert "set MILLRACE_KAFKA_SSL_CAFILE" in line


@pytest.mark.parametrize(
    ("port", "protocol"),
    [("SASL_SSL", "PLAINTEXT"), ("SSL", "SASL_PLAINTEXT"), ("SASL_PLAINTEXT", "SSL"), ("SASL_SSL", "SSL")],
)
def test_wrong_protocol_is_told_with_its_setting(
    port: str, protocol: str, secured_kafka: SecuredKafka, say: Say
) -> None:
    line = say(secured_kafka.settings(protocol, port_of=port), "topics", "create")
    assert f"MILLRACE_KAFKA_SECURITY_PROTOCOL={protocol} may not be that of this port" in line


def test_mechanism_that_kafka_lacks_is_told(secured_kafka: SecuredKafka, say: Say) -> None:
    settings = secured_kafka.settings("SASL_SSL", user=SHOP)
    settings["MILLRACE_KAFKA_SASL_USERNAME"] = "nobody"
    assert "MILLRACE_KAFKA_SASL_MECHANISM" in say(settings, "topics", "create")


NEEDED = [
    ("topic", "events", "read"),
    ("topic", "items", "read"),
    ("topic", "releases", "read"),
    ("topic", "side-indexes", "read"),
    ("topic", "recommendations", "write"),
    ("topic", "dead-letter", "write"),
    ("group", "", "read"),
]


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (("topic", "events", "read"), "READ on topic {prefix}events"),
        (("topic", "items", "read"), "READ on topic {prefix}items"),
        (("topic", "recommendations", "write"), "WRITE on topic {prefix}recommendations"),
        (("group", "", "read"), "READ on group {prefix}group"),
    ],
)
def test_missing_permission_ends_the_worker_with_one_line(
    missing: tuple[str, str, str], said: str, stage: Stage, secured_kafka: SecuredKafka, prefix: str
) -> None:
    rules = [(kind, prefix + name, operation) for kind, name, operation in NEEDED]
    lacking = (missing[0], prefix + missing[1], missing[2])
    described = [(kind, name, "describe") for kind, name, operation in rules if kind == "topic"]
    secured_kafka.allow(*(rule for rule in rules if rule != lacking), *described)
    traffic = stage.traffic()
    traffic.click("s", "item-1")
    traffic.flush()
    line = refusal_of(stage.launch(**secured_kafka.settings("SASL_SSL", user=SHOP)))
    assert said.format(prefix=prefix) in line


def test_worker_with_the_documented_permissions_serves(
    stage: Stage, secured_kafka: SecuredKafka, prefix: str
) -> None:
    secured_kafka.allow(*((kind, prefix + name, operation) for kind, name, operation in NEEDED))
    worker = stage.start_worker(**secured_kafka.settings("SASL_SSL", user=SHOP))
    traffic = stage.traffic()
    traffic.clicks(SESSIONS, each=1)
    with closing(stage.lists()) as lists:
        lists.read_all(traffic.answers().keys(), DEADLINE_S)
    assert worker.troubles() == {}


def test_topics_that_begin_with_what_the_client_cannot_parse_are_found_readable(
    stage: Stage, secured_kafka: SecuredKafka, prefix: str
) -> None:
    secured_kafka.allow(*((kind, prefix + name, operation) for kind, name, operation in NEEDED))
    for name in ("events", "items"):
        send_odd(secured_kafka.kafka.bootstrap_servers, prefix + name)
    worker = stage.start_worker(**secured_kafka.settings("SASL_SSL", user=SHOP))
    worker.wait_for(lambda: worker.metric("millrace_dead_letters_total") == 1, "done with the event")
    worker.wait_for(lambda: worker.metric("millrace_invalid_items_total") == 1, "done with the item")


def test_topic_that_may_not_be_seen_is_told(stage: Stage, secured_kafka: SecuredKafka, prefix: str) -> None:
    secured_kafka.allow(*((kind, prefix + name, operation) for kind, name, operation in NEEDED[1:]))
    line = refusal_of(stage.launch(**secured_kafka.settings("SASL_SSL", user=SHOP)))
    assert f"{prefix}events" in line
    assert "DESCRIBE" in line
