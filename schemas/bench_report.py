"""BenchReport: what `millrace bench` measured, and on which processor; printed as a table, written as JSON.

Writers: the benches in `retrain` and `streams.dev`. Readers: people, scripts that compare two runs.
"""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import msgspec

from schemas.errors import UsageError

Row = dict[str, str | int | float]
"""One line of figures; all lines of a report have the same columns."""
_CPUINFO = Path("/proc/cpuinfo")


class BenchReport(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one bench."""

    bench: str
    rows: list[Row]
    notes: list[str] = []
    cpu: str
    cores: int
    python: str
    code_version: str
    schema_version: int = 1


def new_report(bench: str, rows: list[Row], notes: list[str]) -> BenchReport:
    """A report about this machine.

    Args:
        bench: which bench it was, `index` for one.
        rows: at least one.
        notes: what one must know to read the figures.
    """
    return BenchReport(
        bench=bench,
        rows=rows,
        notes=notes,
        cpu=cpu_model(),
        cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        python=platform.python_version(),
        code_version=version("millrace"),
    )


def cpu_model() -> str:
    """The processor's name, as far as the system tells it."""
    lines = _CPUINFO.read_text().splitlines() if _CPUINFO.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or platform.machine()


def report_text(report: BenchReport) -> str:
    """The report as a table in plain text."""
    columns = list(report.rows[0])
    cells = [columns, *([_cell(row[column]) for column in columns] for row in report.rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    table = ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]
    machine = f"{report.cpu}, {report.cores} cores, Python {report.python}, millrace {report.code_version}"
    return "\n".join([f"bench {report.bench} on {machine}", *table, *report.notes])


def write_report(report: BenchReport, path: Path, rows_as: str = "rows") -> None:
    """Write the report as JSON.

    Args:
        report: what to write.
        path: the file.
        rows_as: what its rows are called there.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        fields = msgspec.to_builtins(report)
        named = {rows_as if name == "rows" else name: value for name, value in fields.items()}
        path.write_bytes(msgspec.json.format(msgspec.json.encode(named), indent=2))
    except OSError as error:
        raise UsageError(f"--json {path}: cannot be written ({error.strerror})") from error


def _cell(value: str | int | float) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else value
