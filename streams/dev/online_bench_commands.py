"""`millrace bench stream|lookup`: the online measurements. Mounted by `millrace.py`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")]


@app.command("stream")
def bench_stream_command(
    path: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Event file; without it the simulated shop.")
    ] = None,
    events: Annotated[int, typer.Option(min=100, max=100_000, help="Events in the backlog.")] = 20_000,
    json_file: JsonOption = None,
) -> None:
    """Measure one worker: events a second out of a backlog, CPU time an event, where the time goes."""
    from schemas.bench_report import report_text, write_report
    from schemas.output_paths import check_output_file
    from streams.dev.bench_stream import bench_stream

    check_output_file("--json", json_file)
    report = bench_stream(path, events)
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file)


@app.command("lookup")
def bench_lookup_command(
    connections: Annotated[int, typer.Option(min=1, max=256, help="Requests in flight.")] = 8,
    seconds: Annotated[float, typer.Option(min=0.1, max=30)] = 5.0,
    k: Annotated[int, typer.Option(min=1, max=1000, help="Items in an answer.")] = 20,
    json_file: JsonOption = None,
) -> None:
    """Measure one lookup on loopback: requests a second and their latencies."""
    from schemas.bench_report import report_text, write_report
    from schemas.output_paths import check_output_file
    from streams.dev.bench_lookup import bench_lookup

    check_output_file("--json", json_file)
    report = bench_lookup(connections, seconds, k)
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file)
