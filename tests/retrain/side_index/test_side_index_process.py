"""`millrace side-index`, as one types it: what waiting cannot cure ends it with one line."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.services.kafka_broker import Kafka

ROOT = Path(__file__).parents[3]


def refusal(**settings: str) -> str:
    """The last line of a builder that ends with exit code 2."""
    ended = subprocess.run(
        [sys.executable, "-m", "millrace", "side-index"],
        env={**os.environ, "MILLRACE_SIDE_INDEX_PORT": "0", **settings},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == 2, ended.stderr
    return ended.stderr.splitlines()[-1]


def test_port_that_is_in_use_is_told() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert f"MILLRACE_SIDE_INDEX_PORT={port}: 127.0.0.1:{port} cannot be used" in refusal(
            MILLRACE_SIDE_INDEX_PORT=str(port)
        )


def test_store_of_an_unknown_protocol_is_told() -> None:
    assert "MILLRACE_RELEASES=nope://bucket" in refusal(MILLRACE_RELEASES="nope://bucket")


def test_topic_that_is_missing_is_told(kafka: Kafka, prefix: str) -> None:
    if kafka.kind == "embedded":
        pytest.skip("the broker in memory makes topics by itself")
    said = refusal(
        MILLRACE_KAFKA_BOOTSTRAP_SERVERS=kafka.bootstrap_servers,
        MILLRACE_EVENT_TOPICS=kafka.create_topic(f"{prefix}events", 1),
        MILLRACE_ITEMS_TOPIC=kafka.create_topic(f"{prefix}items", 1),
        MILLRACE_RELEASES_TOPIC=kafka.create_topic(f"{prefix}releases", 1),
        MILLRACE_SIDE_INDEX_TOPIC=f"{prefix}side-indexes",
    )
    assert f"topic {prefix}side-indexes: " in said
    assert "run `millrace topics create`" in said
