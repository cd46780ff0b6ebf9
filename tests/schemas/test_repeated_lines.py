"""What is shown of lines that a library repeats, by an injected clock."""

import logging

import pytest

from schemas.repeated_lines import QUIET_S, OnceAMinute


class Log:
    """A library's loggers, a clock that the test sets, and what is shown."""

    def __init__(self) -> None:
        self.now_s = 1000.0
        self._filter = OnceAMinute("client", lambda: self.now_s)

    def shown(self, name: str, message: str, *values: object) -> str | None:
        """Log a line; what is shown of it."""
        record = logging.LogRecord(name, logging.ERROR, __file__, 1, message, values, None)
        return record.getMessage() if self._filter.filter(record) else None


@pytest.fixture
def log() -> Log:
    return Log()


def test_first_line_of_each_kind_is_shown(log: Log) -> None:
    assert log.shown("client.fetcher", "no answer from %s", 1) == "no answer from 1"
    assert log.shown("client.fetcher", "not allowed to read %s", "a") == "not allowed to read a"
    assert log.shown("client.coordinator", "no answer from %s", 1) == "no answer from 1"


def test_line_is_repeated_once_a_minute_with_how_many_were_left_out(log: Log) -> None:
    log.shown("client", "no answer from %s", 1)
    for second in range(1, 60):
        log.now_s = 1000.0 + second
        assert log.shown("client", "no answer from %s", second) is None
    log.now_s = 1000.0 + QUIET_S
    again = log.shown("client", "no answer from %s%%", 1), log.shown("client", "no answer from %s", 2)
    assert again == ("no answer from 1%", "no answer from 2 (59 more of these left out since the last one)")
    log.now_s += QUIET_S
    assert log.shown("client", "no answer from %s", 3) == "no answer from 3"


def test_count_may_stand_in_a_line_with_percent_signs(log: Log) -> None:
    for _ in range(2):
        log.shown("client", "%s is full", "90%")
    log.now_s += QUIET_S
    shown = log.shown("client", "%s is full", "90%")
    assert shown == "90% is full (1 more of these left out since the last one)"


def test_lines_of_others_pass(log: Log) -> None:
    for name in ("millrace.worker", "clients", "root"):
        assert [log.shown(name, "again") for _ in range(3)] == ["again"] * 3
