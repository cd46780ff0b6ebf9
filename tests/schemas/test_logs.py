"""What a process logs of its libraries."""

import logging
from collections.abc import Iterator

import pytest

from schemas.logs import configure_logs


@pytest.fixture(autouse=True)
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers, root.level
    yield
    root.handlers = handlers
    root.setLevel(level)


def test_kafka_client_warns_but_does_not_repeat_that_it_cannot_connect(
    capsys: pytest.CaptureFixture[str],
) -> None:
    configure_logs("info", "text")
    logger = logging.getLogger("aiokafka.cluster")
    logger.error('Unable connect to "%s:%s": %s', "kafka", 9092, "refused")
    logger.warning("Topic %s is not available", "events")
    (line,) = capsys.readouterr().err.splitlines()
    assert "Topic events is not available" in line


def test_kafka_client_that_repeats_itself_is_shown_once(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "text")
    for node in range(100):
        logging.getLogger("aiokafka.consumer.fetcher").error(
            "Failed fetch messages from %s: %s", node, "away"
        )
    (line,) = capsys.readouterr().err.splitlines()
    assert "Failed fetch messages from 0: away" in line
