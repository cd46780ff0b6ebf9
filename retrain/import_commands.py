"""`millrace import`: publishers' formats to event files. Mounted by `retrain.cli`.

Owns the options and what the user is told; the work is done by `retrain.importers`.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrain.importers.importing import Shaping
    from retrain.importers.publishers import SourceFile

app = typer.Typer(help="Turn a publisher's data set into an event file.", no_args_is_help=True)
TargetArgument = Annotated[Path, typer.Argument(metavar="DST", help="The event file to write, .parquet.")]
TimeUnitOption = Annotated[
    str,
    typer.Option(
        metavar="auto|s|ms|us|ns|iso",
        help="The unit of epoch times, or iso. auto: told by the file's first time, and times outside of "
        "1990 to 2100 are refused. ISO times without a zone are taken as UTC.",
    ),
]
MinItemSupportOption = Annotated[
    int, typer.Option(help="Leave out items with fewer events than this; see below.")
]
MinSessionLengthOption = Annotated[
    int, typer.Option(help="Leave out sessions with fewer events than this; see below.")
]
MaxSessionLengthOption = Annotated[
    int, typer.Option(help="First leave out sessions with more events than this; 0: none.")
]
_FILTERS = (
    "Filters leave out, in this order: sessions longer than the maximum, as they are in the source; sessions "
    "shorter than the minimum; items with too few events in the sessions left; the last two again until "
    "nothing changes."
)
_MEMORY = (
    "A source of 10 GB needs less than 2 GB of memory; meanwhile DST's disk needs about twice its size, with "
    "filters three times."
)
_EPILOG = f"{_FILTERS} {_MEMORY}"


@app.callback()
def import_formats() -> None:
    """Turn a publisher's data set into an event file, Parquet in time order, for `millrace train`."""


@app.command("otto", epilog=_EPILOG)
def import_otto_command(
    source: Annotated[
        Path, typer.Argument(metavar="SRC", help="OTTO's .jsonl file (otto-de/recsys-dataset), or .jsonl.gz.")
    ],
    target: TargetArgument,
    min_item_support: MinItemSupportOption = 1,
    min_session_length: MinSessionLengthOption = 1,
    max_session_length: MaxSessionLengthOption = 0,
) -> None:
    """Import OTTO's recsys-dataset: clicks, carts and orders."""
    from retrain.importers.import_display import import_display, report_lines
    from retrain.importers.otto import import_otto

    shaping = _shaping(min_item_support, min_session_length, max_session_length)
    with import_display() as progress:
        report = import_otto(source, target, shaping, progress)
    typer.echo("\n".join(report_lines(target, report)))


@app.command("retailrocket", epilog=_EPILOG)
def import_retailrocket_command(
    source: Annotated[
        Path,
        typer.Argument(metavar="SRC", help="RetailRocket's events.csv, .csv.gz, or the folder it is in."),
    ],
    target: TargetArgument,
    session_gap_s: Annotated[
        float,
        typer.Option(
            min=0,
            help="The source has visitors, no sessions: a visitor's session ends with a gap longer than this "
            "and is named VISITOR-1, -2, …; 0: the visitor is the session.",
        ),
    ] = 1800,
    time_unit: TimeUnitOption = "auto",
    min_item_support: MinItemSupportOption = 1,
    min_session_length: MinSessionLengthOption = 1,
    max_session_length: MaxSessionLengthOption = 0,
) -> None:
    """Import RetailRocket's events: views, carts and purchases of visitors, cut into sessions."""
    from retrain.importers.publishers import retailrocket_files

    shaping = _shaping(min_item_support, min_session_length, max_session_length, session_gap_s or None)
    _import(lambda: retailrocket_files(source), source, target, shaping, time_unit)


@app.command("yoochoose", epilog=_EPILOG)
def import_yoochoose_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SRC",
            help="yoochoose-clicks.dat, .dat.gz, or the folder it is in; a folder's buys are read as well.",
        ),
    ],
    target: TargetArgument,
    buys: Annotated[
        Path | None, typer.Option(help="yoochoose-buys.dat, imported as purchases of the same sessions.")
    ] = None,
    time_unit: TimeUnitOption = "auto",
    min_item_support: MinItemSupportOption = 1,
    min_session_length: MinSessionLengthOption = 1,
    max_session_length: MaxSessionLengthOption = 0,
) -> None:
    """Import Yoochoose (RecSys Challenge 2015): clicks as views, buys as purchases."""
    from retrain.importers.publishers import yoochoose_files

    shaping = _shaping(min_item_support, min_session_length, max_session_length)
    _import(lambda: yoochoose_files(source, buys), source, target, shaping, time_unit)


@app.command("diginetica", epilog=_EPILOG)
def import_diginetica_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SRC",
            help="train-item-views.csv, .csv.gz, or its folder; a folder's purchases are read as well.",
        ),
    ],
    target: TargetArgument,
    purchases: Annotated[
        Path | None, typer.Option(help="train-purchases.csv, imported as purchases of the same sessions.")
    ] = None,
    time_unit: TimeUnitOption = "auto",
    min_item_support: MinItemSupportOption = 1,
    min_session_length: MinSessionLengthOption = 1,
    max_session_length: MaxSessionLengthOption = 0,
) -> None:
    """Import Diginetica (CIKM Cup 2016): item views and purchases; times are date + timeframe."""
    from retrain.importers.publishers import diginetica_files

    shaping = _shaping(min_item_support, min_session_length, max_session_length)
    _import(lambda: diginetica_files(source, purchases), source, target, shaping, time_unit)


@app.command("rees46", epilog=_EPILOG)
def import_rees46_command(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="SRC", help="A month's .csv or .csv.gz (2019-Oct.csv), or a folder: all such files in it."
        ),
    ],
    target: TargetArgument,
    time_unit: TimeUnitOption = "auto",
    min_item_support: MinItemSupportOption = 1,
    min_session_length: MinSessionLengthOption = 1,
    max_session_length: MaxSessionLengthOption = 0,
) -> None:
    """Import REES46's behaviour data: views, carts, purchases; remove_from_cart is left out, and counted."""
    from retrain.importers.publishers import rees46_files

    shaping = _shaping(min_item_support, min_session_length, max_session_length)
    _import(lambda: rees46_files(source), source, target, shaping, time_unit)


def _shaping(
    min_item_support: int,
    min_session_length: int,
    max_session_length: int,
    visitor_gap_s: float | None = None,
) -> "Shaping":
    from retrain.importers.event_filters import checked_filters
    from retrain.importers.importing import Shaping

    return Shaping(checked_filters(min_item_support, min_session_length, max_session_length), visitor_gap_s)


def _import(
    files: "Callable[[], list[SourceFile]]", source: Path, target: Path, shaping: "Shaping", time_unit: str
) -> None:
    from retrain.importers.delimited_events import Reading
    from retrain.importers.event_times import time_unit_named
    from retrain.importers.import_display import import_display, report_lines
    from retrain.importers.publishers import import_files

    reading = Reading(time_unit_named(time_unit))
    with import_display() as progress:
        report = import_files(files(), source, target, shaping, reading, progress)
    typer.echo("\n".join(report_lines(target, report, reading.left_out, reading.zoneless)))
