"""`millrace bench train|index`: the offline measurements. Mounted by `millrace.py`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
QUICK_EVENTS = 20_000
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")]


@app.command("train")
def bench_train_command(
    *,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Event file; without it drawn sessions.")
    ] = None,
    configs: Annotated[
        str, typer.Option(help="Names of configurations, or files, comma-separated.")
    ] = "small,large",
    quick: Annotated[
        bool, typer.Option("--quick", help="One epoch of at most 20 000 events: speed, not quality.")
    ] = False,
    session_gap_s: Annotated[float | None, typer.Option(help="In place of the config's; 0: never.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of the training.")] = 1,
    seed: Annotated[int | None, typer.Option(help="In place of the config's.")] = None,
    drawn_events: Annotated[int, typer.Option(min=100, help="Drawn events, about.")] = 100_000,
    drawn_items: Annotated[int, typer.Option(min=2, help="Drawn items.")] = 18_000,
    json_file: JsonOption = None,
) -> None:
    """Measure whole trainings: events a second, seconds, memory, and the quality that came out."""
    from models.model_config import load_model_config
    from retrain.benches.bench_train import BenchData, bench_train
    from schemas.bench_report import new_report, report_text, write_report
    from schemas.output_paths import check_output_file
    from schemas.settings import SharedSettings, read_settings

    check_output_file("--json", json_file)
    overrides = {"session_gap_s": session_gap_s, "seed": seed}
    if quick:
        overrides |= {"epochs": 1, "min_steps": 0}
    named = {name.strip(): load_model_config(Path(name.strip()), overrides) for name in configs.split(",")}
    event_type_map = read_settings(SharedSettings).event_type_map
    drawn = min(drawn_events, QUICK_EVENTS) if quick else drawn_events
    data = BenchData(events, event_type_map, drawn, drawn_items, QUICK_EVENTS if quick else None)
    report = new_report("train", bench_train(data, named, threads), [_train_note(events, threads)])
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file, rows_as="configs")


@app.command("index")
def bench_index_command(
    sizes: Annotated[str, typer.Option(help="Numbers of items, comma-separated.")] = "10000,100000",
    batches: Annotated[str, typer.Option(help="Queries at once, comma-separated.")] = "1,32,256",
    release: Annotated[
        Path | None, typer.Option(help="Search this release's vectors; approximate kinds need trained ones.")
    ] = None,
    seconds: Annotated[float, typer.Option(min=0, help="How long each is repeated.")] = 0.5,
    json_file: JsonOption = None,
) -> None:
    """Measure the index: microseconds a query of each kind, beside plain numpy."""
    from retrain.benches.bench_index import bench_index, drawn_vectors, release_vectors
    from schemas.bench_report import new_report, report_text, write_report
    from schemas.output_paths import check_output_file

    check_output_file("--json", json_file)
    at_once = _numbers("--batches", batches)
    if release is not None:
        tables, note = [release_vectors(release)], f"vectors of release {release.name}"
    else:
        tables = [drawn_vectors(items) for items in _numbers("--sizes", sizes)]
        note = "random vectors: judge the recall of approximate kinds on a trained release (--release)"
    rows = [row for table in tables for row in bench_index(table, at_once, seconds)]
    report = new_report("index", rows, [note])
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file)


def _train_note(path: Path | None, threads: int) -> str:
    drawn = "drawn sessions, popularity by Zipf's law, nothing else to learn"
    return (
        f"{path.name if path else drawn}; threads {threads}; wall_s: from events in memory to the release; "
        "peak_rss_mb: with the processes of members"
    )


def _numbers(option: str, given: str) -> list[int]:
    from schemas.errors import UsageError

    parts = given.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"{option} {given}: give whole numbers from 1, comma-separated")
    return [int(part) for part in parts]
