"""`millrace online-report`: how well lists did by what shoppers did next. Mounted by `retrain.cli`."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrain.online_report.online_report import OnlineReport, OnlineRow

app = typer.Typer()


@app.command("online-report")
def online_report_command(
    *,
    since: Annotated[
        str | None, typer.Option(help="From when on, RFC 3339 with a zone; without it the last 24 hours.")
    ] = None,
    until: Annotated[str | None, typer.Option(help="Until when, likewise; without it now.")] = None,
    lead_h: Annotated[
        float,
        typer.Option(help="Hours before that are read too, for the lists of sessions that went on.", min=0),
    ] = 1.0,
    session_gap_s: Annotated[
        float | None, typer.Option(help="Session gap of all releases; without it their manifests'.", min=0)
    ] = None,
    emit: Annotated[
        str, typer.Option(help="The workers' MILLRACE_EMIT: every, or latest.", metavar="every|latest")
    ] = "every",
    resamples: Annotated[int, typer.Option(help="Of the bootstrap behind the intervals.", min=100)] = 1000,
    json_file: Annotated[Path | None, typer.Option("--json", help="Write the figures here.")] = None,
    html_file: Annotated[Path | None, typer.Option("--html", help="Write a page for people here.")] = None,
) -> None:
    """Join lists and events of their topics and say how often the next item was in the list before it."""
    from retrain.evaluation.bootstrap import Bootstrap
    from retrain.online_report.online_page import write_online_page
    from retrain.online_report.online_report import write_online_report
    from retrain.online_report.online_reporting import ReportRange, make_online_report
    from retrain.training.training_display import progress_bar
    from schemas.errors import UsageError
    from schemas.output_paths import check_output_file
    from schemas.settings import SharedSettings, read_settings

    if emit not in ("every", "latest"):
        raise UsageError(f"--emit {emit}: choose every or latest, as MILLRACE_EMIT of the workers")
    check_output_file("--json", json_file)
    check_output_file("--html", html_file)
    begin, end = _range(since, until)
    wanted = ReportRange(begin, end, lead_h, session_gap_s, emit == "latest")
    with progress_bar("reading topics") as progress:
        report = make_online_report(
            read_settings(SharedSettings), wanted, Bootstrap(resamples=resamples), progress
        )
    if json_file is not None:
        write_online_report(report, json_file)
    if html_file is not None:
        write_online_page([report], html_file)
    typer.echo(_described(report))


def _range(since: str | None, until: str | None) -> tuple[datetime, datetime]:
    from datetime import UTC

    from schemas.errors import UsageError
    from schemas.timestamps import moment_given

    end = datetime.now(UTC) if until is None else moment_given("--until", until)
    begin = end - timedelta(hours=24) if since is None else moment_given("--since", since)
    if begin >= end:
        raise UsageError(f"--since {begin.isoformat()}: not before --until {end.isoformat()}")
    return begin, end


def _described(report: "OnlineReport") -> str:
    """Some lines for the terminal."""
    k = str(report.cutoffs[-1])
    compared = sum(row.n for row in report.releases)
    lines = [
        f"{report.since:%Y-%m-%d %H:%M}Z to {report.until:%Y-%m-%d %H:%M}Z",
        f"{report.counts['events']:,} events, {compared:,} compared with the list before them",
    ]
    if missing := report.counts.get("without_list"):
        lines.append(
            f"{missing:,} events have no list in {report.recommendations_topic}: not made yet, or compacted"
        )
    lines += [_line(row, k, report.confidence) for row in report.releases]
    return "\n".join(lines)


def _line(row: "OnlineRow", k: str, confidence: float) -> str:
    figures = ", ".join(
        f"{name}@{k} {row.metrics[metric][k]:.4f} ({row.intervals[metric][k][0]:.4f} to "
        f"{row.intervals[metric][k][1]:.4f})"
        for metric, name in (("hit_rate", "hit rate"), ("mrr", "MRR"))
    )
    return f"{row.release_id}: {figures} on {row.n:,} events of {row.sessions:,} sessions ({confidence:.0%})"
