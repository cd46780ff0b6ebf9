"""BenchReport: what `millrace bench` measured, and on which processor; printed as a table, written as JSON.

Writers: the benches in `retrain` and `streams.dev`. Readers: people, scripts that compare two runs.
"""

import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeGuard

import msgspec

from schemas.errors import UsageError

Row = dict[str, str | int | float]
"""One line of figures; all lines of a report have the same columns."""
Nested = Mapping[str, str | int | float | Mapping[str, str | int | float]]
"""Figures under names; printed under `name.name`."""
Figure = str | int | float | Nested | Sequence[Nested]
"""A figure, several under names, or a table whose lines have the same names."""
_CPUINFO = Path("/proc/cpuinfo")


class BenchReport(msgspec.Struct, frozen=True, kw_only=True):
    """The figures of one bench: rows of one table, or named figures and several tables."""

    bench: str
    rows: list[Row] = []
    figures: dict[str, Figure] = {}
    """By name; in the JSON they stand at the top level."""
    notes: list[str] = []
    cpu: str
    cores: int
    python: str
    code_version: str
    schema_version: int = 1


def new_report(
    bench: str, rows: list[Row], notes: list[str], figures: Mapping[str, Figure] | None = None
) -> BenchReport:
    """A report about this machine.

    Args:
        bench: which bench it was, `index` for one.
        rows: the lines of its table; none where it has named figures.
        notes: what one must know to read the figures.
        figures: named figures, which stand at the top level of the JSON.
    """
    return BenchReport(
        bench=bench,
        rows=rows,
        figures=dict(figures or {}),
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
    """The report in plain text: named figures one a line, rows and lists of figures as tables."""
    machine = f"{report.cpu}, {report.cores} cores, Python {report.python}, millrace {report.code_version}"
    tables = {name: value for name, value in report.figures.items() if _is_table(value)}
    single = _flat({name: value for name, value in report.figures.items() if name not in tables})
    lines = [f"bench {report.bench} on {machine}"]
    width = max(map(len, single), default=0)
    lines += [f"{name.ljust(width)}  {_cell(value)}" for name, value in single.items()]
    lines += _table(report.rows)
    for name, rows in tables.items():
        lines += [f"{name}:", *_table([_flat(row) for row in rows])]
    return "\n".join([*lines, *report.notes])


def write_report(report: BenchReport, path: Path, rows_as: str = "rows") -> None:
    """Write the report as JSON.

    Args:
        report: what to write.
        path: the file.
        rows_as: what its rows are called there.

    Raises:
        UsageError: the file cannot be written.
    """
    fields = msgspec.to_builtins(report)
    figures, rows = fields.pop("figures"), fields.pop("rows")
    named = {**fields, **({rows_as: rows} if rows or not figures else {}), **figures}
    try:
        path.write_bytes(msgspec.json.format(msgspec.json.encode(named), indent=2))
    except OSError as error:
        raise UsageError(f"--json {path}: cannot be written ({error.strerror})") from error


def _is_table(value: Figure) -> TypeGuard[Sequence[Nested]]:
    return isinstance(value, Sequence) and not isinstance(value, str)


def _flat(figures: Mapping[str, Any], prefix: str = "") -> Row:
    """Nested figures under `name.name`."""
    flat: Row = {}
    for name, value in figures.items():
        flat |= _flat(value, f"{prefix}{name}.") if isinstance(value, Mapping) else {f"{prefix}{name}": value}
    return flat


def _table(rows: Sequence[Row]) -> list[str]:
    if not rows:
        return []
    columns = list(rows[0])
    cells = [columns, *([_cell(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[at]) for line in cells) for at in range(len(columns))]
    return ["  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True)) for line in cells]


def _cell(value: str | int | float) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) else value
