"""Creating topics on a cluster that has them already, or that has no controller to ask."""

import pytest

import millrace
from streams.dev.embedded_kafka import EmbeddedKafka

TOPICS = {
    "events": 8,
    "recommendations": 8,
    "dead-letter": 1,
    "items": 1,
    "releases": 1,
    "retrain-requests": 1,
    "side-indexes": 1,
}


def test_topics_that_exist_are_left_alone(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedKafka(TOPICS) as broker:
        monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
        assert millrace.run(["topics", "create"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said == [f"{name}: exists already" for name in TOPICS]


def test_missing_controller_is_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    with EmbeddedKafka({"events": 8}) as broker:
        monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", broker.bootstrap_servers)
        assert millrace.run(["topics", "create"]) == 2
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1, said
    assert "the cluster has no controller" in said[0]
