"""`millrace bench train|index`: the offline measurements. Mounted by `millrace.py`."""

from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")]


@app.command("train")
def bench_train_command(
    path: Annotated[
        Path | None, typer.Argument(metavar="[FILE]", help="Event file; without it drawn sessions.")
    ] = None,
    events: Annotated[int, typer.Option(min=100, help="Drawn events, about.")] = 100_000,
    items: Annotated[int, typer.Option(min=2, help="Drawn items.")] = 18_000,
    epochs: Annotated[int, typer.Option(min=1)] = 2,
    config: Annotated[Path | None, typer.Option(help="Model config, TOML or JSON.")] = None,
    json_file: JsonOption = None,
) -> None:
    """Measure the training: events a second in each epoch, on one core."""
    from models.model_config import load_model_config
    from retrain.bench_train import bench_train, drawn_data, logged_data
    from retrain.event_split import read_log
    from schemas.bench_report import new_report, report_text, write_report
    from schemas.output_paths import check_output_file
    from schemas.settings import SharedSettings, read_settings

    check_output_file("--json", json_file)
    model_config = load_model_config(config, {"epochs": epochs, "min_steps": 0})
    if path is None:
        data, note = drawn_data(events, items), "drawn sessions, popularity by Zipf's law"
    else:
        log = read_log(path, read_settings(SharedSettings).event_type_map)
        data, note = logged_data(log, model_config), f"training part of {path.name}"
    report = new_report("train", bench_train(data, model_config), [note])
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file)


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
    from retrain.bench_index import bench_index, drawn_vectors, release_vectors
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


def _numbers(option: str, given: str) -> list[int]:
    from schemas.errors import UsageError

    parts = given.split(",")
    if not all(part.strip().isdecimal() and int(part) > 0 for part in parts):
        raise UsageError(f"{option} {given}: give whole numbers from 1, comma-separated")
    return [int(part) for part in parts]
