"""Which Kafka the tests run on: Docker's where an engine answers, else Kafka's jars on Java, else a remedy.

Owns the decision only. The embedded broker is never chosen silently, since it proves less.
"""

import gc
import warnings
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import docker
from docker.errors import DockerException

from schemas.errors import UsageError
from streams.dev.java_programs import find_java, find_maven

KafkaKind = Literal["container", "jars", "embedded"]
CHOICE = "MILLRACE_TEST_KAFKA"
KINDS: tuple[KafkaKind, ...] = ("container", "jars", "embedded")
REMEDY = (
    "no Kafka for the tests: no Docker engine answers, and Java 17 with Maven is not here ({missing}). Start "
    "Docker, or install Java and Maven (Debian: apt-get install openjdk-17-jre-headless maven), or say "
    f"{CHOICE}=embedded to test on the broker in memory, which proves less"
)


@dataclass(frozen=True)
class Machine:
    """What this machine has to run a Kafka with.

    Attributes:
        docker: whether a Docker engine answers.
        java: the java program, of version 17 or newer.
        maven: the mvn program.
    """

    docker: bool
    java: Path | None
    maven: Path | None


def choose_kafka(environment: Mapping[str, str], machine: Machine) -> KafkaKind:
    """Decide which Kafka to start.

    Raises:
        UsageError: nothing here gives a Kafka, or `MILLRACE_TEST_KAFKA` names none; with the remedy.
    """
    asked = environment.get(CHOICE, "")
    for kind in KINDS:
        if asked == kind:
            return kind
    if asked:
        raise UsageError(f"{CHOICE}={asked}: choose among {', '.join(KINDS)}, or leave it out")
    if machine.docker:
        return "container"
    missing = [name for name, program in (("java", machine.java), ("mvn", machine.maven)) if program is None]
    if missing:
        raise UsageError(REMEDY.format(missing=f"missing: {', '.join(missing)}"))
    return "jars"


def look_around() -> Machine:
    """Find out what this machine has."""
    return Machine(docker=docker_answers(), java=find_java(), maven=find_maven())


def docker_answers() -> bool:
    """Whether a Docker engine answers now."""
    with warnings.catch_warnings(action="ignore", category=ResourceWarning):
        try:
            with closing(docker.from_env(timeout=5)) as client:
                return bool(client.ping())
        except DockerException:
            return False
        finally:
            gc.collect()  # finding no engine leaves a socket open, and a later test the warning
