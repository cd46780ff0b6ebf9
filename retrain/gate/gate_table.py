"""A gate report for people: rules, what was counted, the verdict. Caller: `millrace releases gate`."""

import sys

import typer
from rich.console import Console
from rich.table import Column, Table

from schemas.gate_report import GateReport
from schemas.ids import ReleaseId

_PIPED_WIDTH = 200


def print_report(release_id: ReleaseId, report: GateReport) -> None:
    """Print rules, figures and thresholds, what was passed over and what counted, and what refuses it."""
    table = Table(
        "rule", Column("figure", justify="right"), Column("threshold", justify="right"), "", box=None
    )
    for refusal in report.refusals:
        table.add_row(refusal.rule, _number(refusal.figure), _number(refusal.threshold), "REFUSED")
    for held in report.held:
        table.add_row(held.rule, _number(held.figure), _number(held.threshold), "held")
    for rule, why in report.passed_over.items():
        table.add_row(rule, "", "", f"passed over: {why}")
    if report.newer_than:
        table.add_row(
            "counted", "", "", f"predictions of events later than {report.newer_than:%Y-%m-%dT%H:%M:%SZ}"
        )
    if report.whole_slice:
        table.add_row("counted", "", "", f"the whole slice: {report.whole_slice}")
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH, markup=False).print(table)
    if report.whole_slice:
        typer.echo(f"judged on the whole slice: {report.whole_slice}")
    beside = f" beside {report.incumbent}" if report.incumbent else ""
    typer.echo(f"{release_id}{beside}: {'passed' if report.passed else 'refused'}")
    for refusal in report.refusals:
        typer.echo(f"  {refusal.rule}: {refusal.message}")


def _number(value: float | None) -> str:
    return "not a number" if value is None else f"{value:.6g}"
