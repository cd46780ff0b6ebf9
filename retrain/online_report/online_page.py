"""The page of an online report: one self-contained HTML file, for people.

Owns the order of the page; charts, tables and style are those of evaluations (`retrain.report_page`).
Writer: of the file of `--html`. Callers: `retrain.online_report.online_report_commands`, `millrace report`.
"""

from collections.abc import Sequence
from html import escape
from pathlib import Path

from retrain.online_report.online_report import OnlineReport, OnlineRow
from retrain.online_report.online_sections import (
    METRIC_NAMES,
    by_k_section,
    figure,
    groups_section,
    measured_section,
    named_section,
    releases_section,
)
from retrain.report_page.page_parts import Cell, page, tiles
from schemas.errors import UsageError


def write_online_page(reports: Sequence[OnlineReport], path: Path) -> None:
    """Write the page of one report, or of several, one after the other.

    Raises:
        UsageError: the file cannot be written.
    """
    try:
        path.write_text(online_page(reports), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"--html {path}: cannot be written ({error.strerror})") from error


def online_page(reports: Sequence[OnlineReport]) -> str:
    """The page; at least one report."""
    sections = [each for report in reports for each in online_parts(report)]
    return page("Online quality", [*sections, _footer(reports[0])])


def online_parts(report: OnlineReport) -> list[str]:
    """What a page has of a report: its header and its sections."""
    sections = [
        _header(report),
        releases_section(report),
        by_k_section(report),
        groups_section(report),
        named_section(report.named),
        measured_section(report),
    ]
    return [each for each in sections if each]


def _header(report: OnlineReport) -> str:
    latest, k = report.releases[-1], str(report.cutoffs[-1])
    shown = {f"{name}@{k}": _tile(latest, metric, k, report) for metric, name in METRIC_NAMES.items()}
    compared = sum(row.n for row in report.releases)
    shown["Compared events"] = Cell(f"{compared:,}", f"of {report.counts['events']:,}, all releases")
    said = (
        f"What shoppers did next, {report.since:%Y-%m-%d %H:%M} to {report.until:%Y-%m-%d %H:%M} UTC. "
        f"In front the latest release, {latest.release_id}."
    )
    return f"<header>\n<h1>Online quality</h1>\n<p>{escape(said)}</p>\n{tiles(shown)}\n</header>"


def _tile(row: OnlineRow, metric: str, k: str, report: OnlineReport) -> Cell:
    cell = figure(row, metric, k)
    return Cell(cell.text, f"{report.confidence:.0%}: {cell.small}")


def _footer(report: OnlineReport) -> str:
    made_by = f"Made by Millrace {escape(report.code_version)} from the topics"
    return f"<footer>{made_by}, by <code>millrace online-report</code>.</footer>"
