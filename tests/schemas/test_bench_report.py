"""The report of a bench: a table to read, JSON to keep."""

from pathlib import Path

import msgspec
import pytest

from schemas.bench_report import BenchReport, Figure, Nested, cpu_model, new_report, report_text, write_report
from schemas.errors import UsageError


def a_report() -> BenchReport:
    return BenchReport(
        bench="index",
        rows=[
            {"items": 10000, "index": "exact", "us": 12.345678},
            {"items": 7, "index": "ivf", "us": 12345.6},
        ],
        notes=["nothing else ran"],
        cpu="A Processor",
        cores=2,
        python="3.11.7",
        code_version="0.1.0",
    )


def test_table_is_aligned_under_its_columns() -> None:
    assert report_text(a_report()).splitlines() == [
        "bench index on A Processor, 2 cores, Python 3.11.7, millrace 0.1.0",
        " items  index      us",
        "10,000  exact   12.35",
        "     7    ivf  12,346",
        "nothing else ran",
    ]


def a_report_of_named_figures() -> BenchReport:
    paced: list[Nested] = [
        {"rate": 500, "topic_ms": {"p50": 4.0, "p99": 31.0}},
        {"rate": 1000, "topic_ms": {"p50": 5.0, "p99": 1234.5}},
    ]
    figures: dict[str, Figure] = {
        "events_per_s": 12345.6,
        "pinning": {"worker": "core 0"},
        "paced": paced,
        "cpu_us_per_event": 81.0,
    }
    return msgspec.structs.replace(a_report(), rows=[], figures=figures)


def test_named_figures_are_lines_and_their_lists_are_tables() -> None:
    assert report_text(a_report_of_named_figures()).splitlines()[1:] == [
        "events_per_s      12,346",
        "pinning.worker    core 0",
        "cpu_us_per_event  81",
        "paced:",
        " rate  topic_ms.p50  topic_ms.p99",
        "  500             4            31",
        "1,000             5         1,234",
        "nothing else ran",
    ]


def test_named_figures_stand_at_the_top_of_the_written_report(tmp_path: Path) -> None:
    write_report(a_report_of_named_figures(), tmp_path / "report.json")
    written = msgspec.json.decode((tmp_path / "report.json").read_bytes())
    assert (written["cpu"], written["events_per_s"]) == ("A Processor", 12345.6)
    assert written["paced"][0] == {"rate": 500, "topic_ms": {"p50": 4.0, "p99": 31.0}}
    assert not {"rows", "figures"} & written.keys()


def test_written_report_reads_back(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    write_report(a_report(), path)
    assert msgspec.json.decode(path.read_bytes(), type=BenchReport) == a_report()


def test_report_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--json .*none.* cannot be written"):
        write_report(a_report(), tmp_path / "none" / "report.json")


def test_new_report_names_this_machine() -> None:
    report = new_report("train", [{"epoch": 1}], [])
    assert report.cpu == cpu_model() != ""
    assert report.cores >= 1
