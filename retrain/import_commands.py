"""`millrace import`: publishers' formats to event files. Mounted by `retrain.cli`."""

import sys
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(help="Turn a publisher's data set into an event file.", no_args_is_help=True)


@app.callback()
def import_formats() -> None:
    """Turn a publisher's data set into an event file."""


@app.command("otto")
def import_otto_command(
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="OTTO's .jsonl file (otto-de/recsys-dataset).")
    ],
    target: Annotated[Path, typer.Argument(metavar="DST", help="The event file to write, .parquet.")],
) -> None:
    """Turn a file of OTTO's recsys-dataset into an event file in time order, in bounded memory."""
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from retrain.importers.otto import import_otto

    columns = (TextColumn("importing"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty()) as progress:
        size = source.stat().st_size if source.is_file() else None
        task = progress.add_task("importing", total=size)
        events = import_otto(source, target, lambda done: progress.update(task, completed=done))
    typer.echo(f"{target}: {events:,} events in time order")
