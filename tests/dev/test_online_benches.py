"""`millrace bench stream|lookup` run and report; how fast they say it is, is asserted nowhere."""

import asyncio
import json
import sys
from pathlib import Path

import polars as pl
import pytest

import millrace
from schemas.errors import Unavailable, UsageError
from streams.dev.bench_lookup import _read_answer
from streams.dev.child_processes import ChildProcesses
from streams.dev.ports import free_port
from streams.dev.worker_sampling import drain


def test_stream_bench_drains_the_backlog(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    assert millrace.run(["bench", "stream", "--events", "400", "--json", str(report)]) == 0
    (row,) = json.loads(report.read_bytes())["rows"]
    assert row["events"] == 400
    assert {"decode_%", "load_%", "recommend_%", "emit_%", "save_%"} <= row.keys()
    assert "bench stream on " in capsys.readouterr().out


def test_lookup_bench_counts_answers(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ["--connections", "2", "--seconds", "0.2", "--json", str(report)]
    assert millrace.run(["bench", "lookup", *arguments]) == 0
    (row,) = json.loads(report.read_bytes())["rows"]
    assert row["requests"] >= 2
    assert 0 < row["p50_ms"] <= row["p90_ms"] <= row["p99_ms"]


async def test_answer_that_is_not_200_ends_the_measurement() -> None:
    answer = asyncio.StreamReader()
    answer.feed_data(b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n")
    with pytest.raises(Unavailable, match="503"):
        await _read_answer(answer)


def test_file_that_is_too_small_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "events.parquet"
    pl.DataFrame({"session_id": ["s"], "item_id": ["a"], "timestamp": [1]}).write_parquet(path)
    assert millrace.run(["bench", "stream", str(path)]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "`millrace train` failed" in line


def test_worker_that_ends_ends_the_measurement(children: ChildProcesses) -> None:
    worker = children.start("worker", [sys.executable, "-c", "print('no release')"])
    worker.wait(20)
    with pytest.raises(UsageError, match="the worker ended\nno release"):
        drain(f"http://127.0.0.1:{free_port()}", worker, 1)


def test_worker_that_does_nothing_ends_the_measurement(children: ChildProcesses) -> None:
    worker = children.start("worker", [sys.executable, "-c", "import signal; signal.pause()"])
    with pytest.raises(Unavailable, match="the worker has stopped at 0 of 1 events"):
        drain(f"http://127.0.0.1:{free_port()}", worker, 1, stall_s=0)
