"""`millrace bench stream|soak|swap|lookup`: the online measurements. Mounted by `millrace.py`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")]


@app.command("stream")
def bench_stream_command(
    *,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Event file; without it the simulated shop.")
    ] = None,
    count: Annotated[int, typer.Option(min=100, max=1_000_000, help="Events in the backlog.")] = 100_000,
    items: Annotated[int, typer.Option(min=100, help="Items of the simulated shop.")] = 18_000,
    units: Annotated[int, typer.Option(min=1, max=512, help="Units of the release's GRU4Rec.")] = 100,
    index: Annotated[str, typer.Option(help="Index of the release, as in a model config.")] = "auto",
    broker: Annotated[
        str | None,
        typer.Option(metavar="local|embedded|HOST:PORT", help="local: a real Kafka, by Java 17 and Maven."),
    ] = None,
    only: Annotated[
        str | None,
        typer.Option(metavar="PARTS", help="Some of drain, floors, plain, two, paced; comma-separated."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(min=0.5, max=300, help="Of each paced load, and of the plain Faust agent.")
    ] = 15.0,
    rate: Annotated[
        list[float] | None,
        typer.Option(min=1, max=100_000, help="A paced load, events/s; may be repeated. [100 500 1000 2000]"),
    ] = None,
    redis_buckets: Annotated[int, typer.Option(min=1, help="As MILLRACE_REDIS_BUCKETS.")] = 1,
    json_file: JsonOption = None,
) -> None:
    """Measure one worker: events/s and CPU time an event on a backlog, floors, latencies at fixed rates."""
    from schemas.bench_report import report_text, write_report
    from schemas.output_paths import check_output_file
    from streams.dev.bench_paced import RATES
    from streams.dev.bench_stream import PARTS, StreamBench, bench_stream

    check_output_file("--json", json_file)
    parts = PARTS if only is None else only.split(",")
    wanted = StreamBench(
        events=events,
        count=count,
        items=items,
        units=units,
        index=index,
        broker=broker,
        parts=parts,
        seconds=seconds,
        rates=rate or RATES,
        redis_buckets=redis_buckets,
    )
    report = bench_stream(wanted, lambda line: typer.echo(line, err=True))
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file)


@app.command("soak")
def bench_soak_command(
    minutes: Annotated[int, typer.Option(min=1, max=1440)] = 10,
    rate: Annotated[
        float | None, typer.Option(min=1, help="Events/s. [60 % of what one worker drains a second]")
    ] = None,
    items: Annotated[int, typer.Option(min=100, help="Items of the simulated shop.")] = 18_000,
    broker: Annotated[
        str | None,
        typer.Option(metavar="local|embedded|HOST:PORT", help="local: a real Kafka, by Java 17 and Maven."),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Load a worker steadily: memory, latencies, open files and tasks, minute by minute."""
    from schemas.bench_report import report_text, write_report
    from schemas.output_paths import check_output_file
    from streams.dev.bench_soak import SoakBench, bench_soak

    check_output_file("--json", json_file)
    wanted = SoakBench(minutes=minutes, rate=rate, items=items, broker=broker)
    report = bench_soak(wanted, lambda line: typer.echo(line, err=True))
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file)


@app.command("swap")
def bench_swap_command(
    *,
    rate: Annotated[float, typer.Option(min=10, max=10_000, help="Events/s.")] = 500.0,
    swaps: Annotated[int, typer.Option(min=1, max=1000)] = 6,
    every: Annotated[float, typer.Option(min=1, help="Seconds from one swap to the next.")] = 5.0,
    items: Annotated[int, typer.Option(min=100, help="Items of the simulated shop.")] = 18_000,
    units: Annotated[int, typer.Option(min=1, max=512, help="Units of the releases' GRU4Rec.")] = 100,
    index: Annotated[str, typer.Option(help="Index of the releases, as in a model config.")] = "auto",
    broker: Annotated[
        str | None,
        typer.Option(metavar="local|embedded|HOST:PORT", help="local: a real Kafka, by Java 17 and Maven."),
    ] = None,
    json_file: JsonOption = None,
) -> None:
    """Swap a worker's release under a steady load: latencies, pauses, lost events, memory."""
    from schemas.bench_report import report_text, write_report
    from schemas.output_paths import check_output_file
    from streams.dev.bench_swap import SwapBench, bench_swap

    check_output_file("--json", json_file)
    wanted = SwapBench(
        rate=rate, swaps=swaps, every_s=every, items=items, units=units, index=index, broker=broker
    )
    report = bench_swap(wanted, lambda line: typer.echo(line, err=True))
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file)


@app.command("lookup")
def bench_lookup_command(
    connections: Annotated[int, typer.Option(min=1, max=256, help="Requests in flight.")] = 32,
    seconds: Annotated[float, typer.Option(min=0.1, max=30, help="Of each measurement.")] = 5.0,
    k: Annotated[int, typer.Option(min=1, max=1000, help="Items in an answer.")] = 20,
    json_file: JsonOption = None,
) -> None:
    """Measure one lookup on one core: requests a second, and latencies at fixed rates."""
    from schemas.bench_report import report_text, write_report
    from schemas.output_paths import check_output_file
    from streams.dev.bench_lookup import bench_lookup

    check_output_file("--json", json_file)
    report = bench_lookup(connections, seconds, k)
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file)
