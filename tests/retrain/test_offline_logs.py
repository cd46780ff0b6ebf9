"""The log lines of long-running offline programs: one stream and one form, whoever writes them."""

import json
import logging
from collections.abc import Iterator

import pytest
import structlog

from schemas.logs import configure_logs


@pytest.fixture(autouse=True)
def _restored_logging() -> Iterator[None]:
    root, millrace = logging.getLogger(), logging.getLogger("millrace")
    before = root.handlers, root.level, millrace.level
    yield
    root.handlers = before[0]
    root.setLevel(before[1])
    millrace.setLevel(before[2])
    structlog.reset_defaults()


def test_watch_and_cycle_write_json_lines_to_one_stream(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("info", "json")
    structlog.get_logger("millrace.watch").error("release rolled back", to="r1")
    logging.getLogger("millrace.retrain.cycle").info("retrain cycle %s", "c1")
    said = capsys.readouterr()
    watch, cycle = map(json.loads, said.err.splitlines())
    assert (watch["event"], watch["to"], watch["level"]) == ("release rolled back", "r1", "error")
    assert (cycle["event"], cycle["logger"]) == ("retrain cycle c1", "millrace.retrain.cycle")
    assert said.out == ""
