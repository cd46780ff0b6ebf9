"""`millrace bench stream|lookup` run and report; how fast they say it is, is asserted nowhere."""

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from confluent_kafka.admin import AdminClient

import millrace
from schemas.errors import Unavailable, UsageError
from streams.dev.bench_log import bench_log, busy_shop
from streams.dev.child_processes import ChildProcesses
from streams.dev.ports import free_port
from streams.dev.worker_sampling import drain
from tests.services.kafka_broker import Kafka


def measured(kafka: Kafka, folder: Path, *options: str) -> dict[str, Any]:
    """The figures of a small run of `bench stream` on the tests' Kafka."""
    report = folder / "report.json"
    broker = ["--broker", "embedded" if kafka.kind == "embedded" else kafka.bootstrap_servers]
    sizes = ["--count", "400", "--items", "400", "--units", "8"]
    assert millrace.run(["bench", "stream", *sizes, *broker, *options, "--json", str(report)]) == 0
    figures: dict[str, Any] = json.loads(report.read_bytes())
    return figures


@pytest.mark.timeout(300)
def test_stream_bench_compares_the_worker_with_its_floors(kafka: Kafka, tmp_path: Path) -> None:
    figures = measured(kafka, tmp_path, "--only", "floors")
    assert (figures["events"], figures["items"]) == (400, 400)
    assert {"decode", "load", "save"} <= figures["stages_us"].keys()
    for name in ("events_per_s", "io_floor_events_per_s", "compute_floor_events_per_s", "batch_events"):
        assert figures[name] > 0
    topics = AdminClient({"bootstrap.servers": kafka.bootstrap_servers}).list_topics(timeout=30).topics
    assert not [name for name in topics if name.startswith("millrace-bench-")]


@pytest.mark.timeout(300)
def test_stream_bench_compares_with_a_plain_faust_agent(kafka: Kafka, tmp_path: Path) -> None:
    figures = measured(kafka, tmp_path, "--only", "plain", "--seconds", "0.5")
    assert figures["plain_faust_events_per_s"] > 0
    assert figures["plain_faust_no_model_events_per_s"] > 0
    assert figures["times_plain_faust"] > 0


@pytest.mark.timeout(300)
def test_stream_bench_compares_with_two_workers_and_paces_loads(kafka: Kafka, tmp_path: Path) -> None:
    figures = measured(kafka, tmp_path, "--only", "two,paced", "--seconds", "0.5", "--rate", "20")
    assert {"rate_ratio", "cpu_us_per_event"} <= figures["two_workers"].keys()
    (paced,) = figures["paced"]
    assert (paced["rate"], paced["events"], paced["unread"]) == (20, 10, 0)
    assert 0 < paced["topic_ms"]["p50"] <= paced["topic_ms"]["p99_9"]
    assert paced["http_events"] >= 1
    assert paced["http_ms"]["p50"] > 0


def test_stream_bench_runs_on_the_embedded_broker(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "events.parquet"
    shop = busy_shop(400, 400).with_columns(timestamp=pl.lit(None, dtype=pl.Int64))
    shop.drop("occurred_at_ms").write_parquet(path)
    arguments = ["--events", str(path), "--units", "8", "--broker", "embedded", "--only", "drain"]
    assert millrace.run(["bench", "stream", *arguments]) == 0
    said = capsys.readouterr().out
    assert "embedded broker" in said
    assert "io_floor" not in said


def test_part_that_there_is_not_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert millrace.run(["bench", "stream", "--only", "drain,floor"]) == 2
    assert "--only floor: choose among drain, floors" in capsys.readouterr().err


@pytest.mark.parametrize("given", ["remote", "somewhere:port"])
def test_broker_is_local_embedded_or_an_address(given: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert millrace.run(["bench", "stream", "--broker", given]) == 2
    assert f"--broker {given}: give local, embedded or HOST:PORT" in capsys.readouterr().err


def test_busy_shop_has_as_many_events_as_asked_for_in_time_order_among_many_sessions() -> None:
    events = busy_shop(5000, 18_000)
    assert events.height == 5000
    assert events["occurred_at_ms"].is_sorted()
    assert events.slice(2500, 100)["session_id"].n_unique() > 80
    assert events["item_id"].str.len_bytes().unique().to_list() == [9]
    assert events["item_id"].n_unique() > 384


def test_release_knows_every_item_of_the_busy_shop() -> None:
    assert bench_log(None, 500, 1000).training["item_id"].n_unique() == 1000


def test_lookup_bench_counts_answers(tmp_path: Path) -> None:
    report = tmp_path / "report.json"
    arguments = ["--connections", "2", "--seconds", "0.1", "--json", str(report)]
    assert millrace.run(["bench", "lookup", *arguments]) == 0
    figures = json.loads(report.read_bytes())
    assert figures["max_requests_per_s"] > 0
    assert figures["hello_requests_per_s"] > 0
    assert [(row["rate"], row["requests"]) for row in figures["paced"]] == [
        (1000, 100),
        (2000, 200),
        (4000, 400),
    ]
    assert [row for row in figures["paced"] if not 0 < row["p50_ms"] <= row["p90_ms"] <= row["p99_ms"]] == []


def test_file_that_is_too_small_is_one_line_and_exit_code_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "events.parquet"
    pl.DataFrame({"session_id": ["s"], "item_id": ["a"], "timestamp": [1]}).write_parquet(path)
    assert millrace.run(["bench", "stream", "--events", str(path), "--broker", "embedded"]) == 2
    _, line = capsys.readouterr().err.splitlines()  # the first one says what is being done
    assert "`millrace train` failed" in line


def test_worker_that_ends_ends_the_measurement(children: ChildProcesses) -> None:
    worker = children.start("worker", [sys.executable, "-c", "print('no release')"])
    worker.wait(60)
    with pytest.raises(UsageError, match="the worker ended\nno release"):
        drain(f"http://127.0.0.1:{free_port()}", worker, 1)


def test_worker_that_does_nothing_ends_the_measurement(children: ChildProcesses) -> None:
    worker = children.start("worker", [sys.executable, "-c", "import signal; signal.pause()"])
    with pytest.raises(Unavailable, match="the worker has stopped at 0 of 1 events"):
        drain(f"http://127.0.0.1:{free_port()}", worker, 1, stall_s=0)
