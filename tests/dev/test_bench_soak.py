"""`millrace bench soak` looks at a worker minute by minute, and tells the slopes."""

import pytest

from streams.dev.bench_soak import Minute, SoakBench, bench_soak, slopes, verdict
from tests.services.kafka_broker import Kafka


def a_minute(minute: int, rss_mb: float = 100.0, open_files: int = 30) -> Minute:
    return Minute(minute, 6000, 0, 4.0, 20.0, rss_mb, open_files, 25)


def test_slopes_leave_out_the_first_minute() -> None:
    minutes = [a_minute(1, rss_mb=50), a_minute(2), a_minute(3, rss_mb=102), a_minute(4, rss_mb=104)]
    found = slopes(minutes)
    assert found["rss_mb_a_minute"] == pytest.approx(2)
    assert found["p99_ms_a_minute"] == pytest.approx(0)


def test_verdict_tells_slopes_and_what_is_constant() -> None:
    said = verdict([a_minute(1), a_minute(2), a_minute(3, rss_mb=101, open_files=31)])
    assert "resident memory +1.00 MB a minute" in said
    assert "open files 30 to 31" in said
    assert "tasks 25" in said
    assert said.endswith("lists that did not come: 0")


@pytest.mark.timeout(300)
def test_soak_sees_memory_files_and_tasks_of_the_worker(kafka: Kafka) -> None:
    broker = "embedded" if kafka.kind == "embedded" else kafka.bootstrap_servers
    wanted = SoakBench(minutes=2, rate=20, items=400, broker=broker, units=8, count=400, minute_s=0.5)
    said: list[str] = []
    report = bench_soak(wanted, said.append)
    minutes = report.figures["minutes"]
    assert isinstance(minutes, list)
    assert len(minutes) == 2
    assert all(one["unread"] == 0 and one["tasks"] > 1 for one in minutes)
    assert said[-1].startswith("minute 2")


@pytest.mark.timeout(300)
def test_soak_without_a_rate_takes_a_share_of_what_a_worker_drains() -> None:
    said: list[str] = []
    wanted = SoakBench(minutes=1, rate=None, items=400, broker="embedded", units=8, count=400, minute_s=0.5)
    report = bench_soak(wanted, said.append)
    assert any("one worker drains" in line for line in said)
    rate = report.figures["rate"]
    assert isinstance(rate, float)
    assert rate > 0
