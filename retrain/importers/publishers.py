"""The publishers' data sets of delimited text: which files they are, and their import.

Owns the names of files in a publisher's folder. Formats are `retrain.importers.retailrocket`, `.yoochoose`,
`.diginetica` and `.rees46`. Caller: `retrain.import_commands`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl

from retrain.importers import diginetica, rees46, retailrocket, yoochoose
from retrain.importers.delimited_events import DelimitedFormat, Reading, delimited_events
from retrain.importers.importing import READING, ImportProgress, ImportReport, Shaping, import_events
from schemas.errors import UsageError

SourceFile = tuple[Path, DelimitedFormat]


def retailrocket_files(source: Path) -> list[SourceFile]:
    """events.csv, given or in a folder."""
    return [(_named(source, retailrocket.FILE_NAME), retailrocket.EVENTS)]


def yoochoose_files(source: Path, buys: Path | None) -> list[SourceFile]:
    """The clicks, and the buys where given or beside the clicks in a folder."""
    return _two_files(
        source,
        buys,
        (yoochoose.CLICKS_NAME, yoochoose.CLICKS),
        (yoochoose.BUYS_NAME, yoochoose.BUYS),
    )


def diginetica_files(source: Path, purchases: Path | None) -> list[SourceFile]:
    """The item views, and the purchases where given or beside the views in a folder."""
    return _two_files(
        source,
        purchases,
        (diginetica.VIEWS_NAME, diginetica.VIEWS),
        (diginetica.PURCHASES_NAME, diginetica.PURCHASES),
    )


def rees46_files(source: Path) -> list[SourceFile]:
    """A month's file, or all of a folder by name."""
    if not source.is_dir():
        return [(source, rees46.EVENTS)]
    paths = sorted([*source.glob("*.csv"), *source.glob("*.csv.gz")])
    if not paths:
        raise UsageError(f"{source}: no .csv or .csv.gz file in the folder")
    return [(path, rees46.EVENTS) for path in paths]


def import_files(
    files: Sequence[SourceFile],
    source: Path,
    target: Path,
    shaping: Shaping,
    reading: Reading,
    progress: ImportProgress,
) -> ImportReport:
    """Turn a publisher's files into one event file in time order.

    Args:
        files: one after the other; events of equal time keep this order.
        source: what the user gave, for messages.
        target: see `retrain.importers.importing.import_events`.
        shaping: likewise.
        reading: how to read; takes notes.
        progress: told the steps.

    Raises:
        UsageError: a file or a line is wrong, the target cannot be written, or no event is left.
    """
    for path, _ in files:
        if not path.is_file():
            raise UsageError(f"{path}: no such file")
    progress.step(READING, sum(path.stat().st_size for path, _ in files))
    reading.advance = progress.advance
    return import_events(_frames(files, reading), source, target, shaping, progress)


def _frames(files: Sequence[SourceFile], reading: Reading) -> Iterator[pl.DataFrame]:
    for path, form in files:
        yield from delimited_events(path, form, reading)


def _two_files(
    source: Path,
    second: Path | None,
    first_form: tuple[str, DelimitedFormat],
    second_form: tuple[str, DelimitedFormat],
) -> list[SourceFile]:
    (first_name, first_layout), (second_name, second_layout) = first_form, second_form
    first = _named(source, first_name)
    if second is None and source.is_dir():
        second = _in_folder(source, second_name)
    files = [(first, first_layout)]
    return files if second is None else [*files, (second, second_layout)]


def _named(source: Path, name: str) -> Path:
    """The file itself, or the one of that name in the folder, perhaps gzipped."""
    if not source.is_dir():
        return source
    if (path := _in_folder(source, name)) is None:
        raise UsageError(f"{source}: no file {name} or {name}.gz in the folder; give the file itself")
    return path


def _in_folder(folder: Path, name: str) -> Path | None:
    return next((path for path in (folder / name, folder / f"{name}.gz") if path.is_file()), None)
