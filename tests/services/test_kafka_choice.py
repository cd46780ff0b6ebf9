from pathlib import Path

import pytest

from schemas.errors import UsageError
from streams.dev.java_programs import java_version
from tests.services.kafka_broker import container_environment
from tests.services.kafka_choice import Machine, choose_kafka

JAVA, MAVEN = Path("/opt/java"), Path("/opt/mvn")


def test_docker_comes_first() -> None:
    assert choose_kafka({}, Machine(docker=True, java=JAVA, maven=MAVEN)) == "container"


def test_java_and_maven_serve_where_no_docker_answers() -> None:
    assert choose_kafka({}, Machine(docker=False, java=JAVA, maven=MAVEN)) == "jars"


@pytest.mark.parametrize(
    ("java", "maven", "missing"), [(None, None, "java, mvn"), (None, MAVEN, "java"), (JAVA, None, "mvn")]
)
def test_a_machine_without_any_kafka_is_told_the_remedy(
    java: Path | None, maven: Path | None, missing: str
) -> None:
    with pytest.raises(UsageError) as caught:
        choose_kafka({}, Machine(docker=False, java=java, maven=maven))
    assert f"(missing: {missing})" in str(caught.value)
    assert "apt-get install" in str(caught.value)
    assert "MILLRACE_TEST_KAFKA=embedded" in str(caught.value)


def test_the_embedded_broker_is_used_only_when_asked_for() -> None:
    asked = {"MILLRACE_TEST_KAFKA": "embedded"}
    assert choose_kafka(asked, Machine(docker=True, java=JAVA, maven=MAVEN)) == "embedded"
    assert choose_kafka(asked, Machine(docker=False, java=None, maven=None)) == "embedded"


def test_an_unknown_kind_of_kafka_is_refused_with_the_known_ones() -> None:
    with pytest.raises(UsageError, match="redpanda: choose among container, jars, embedded"):
        choose_kafka({"MILLRACE_TEST_KAFKA": "redpanda"}, Machine(docker=True, java=None, maven=None))


@pytest.mark.parametrize(
    ("said", "version"),
    [('openjdk version "17.0.15" 2025-04-15', 17), ('java version "1.8.0_392"', 1), ("no java here", 0)],
)
def test_java_tells_its_feature_version(said: str, version: int, tmp_path: Path) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    java.chmod(0o755)
    assert java_version(java) == version


def test_container_gets_the_properties_as_its_variables() -> None:
    assert container_environment({"node.id": "1", "offsets.topic.num.partitions": "4"}) == {
        "KAFKA_NODE_ID": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
    }
