"""The work folder: what a cycle keeps on disc, so that the next process goes on where a killed one was.

Owns its files: `cycle.json` is replaced whole after each step; the window is Parquet; candidate, refit,
incumbent and checkpoint lie in places of their own. Writer and reader: `retrain.cycle`. One process at a time
has the folder, by a lock of the operating system's: who was suspended and lost the lock in Redis still has
that one, so that nobody meets it in its files.
"""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import polars as pl

from retrain.lasting_files import make_folder, to_disk
from schemas.errors import Unavailable, UsageError
from schemas.retrain_cycle import CycleRecord, decode_cycle_record, encode_cycle_record

RECORD_FILE = "cycle.json"
LOCK_FILE = ".lock"
WINDOW_FILE = "window.parquet"


class WorkFolder:
    """The folder of one cycle after the other."""

    def __init__(self, path: Path) -> None:
        """Make it.

        Raises:
            UsageError: it cannot be made.
        """
        self.path = path
        try:
            make_folder(path)
        except OSError as error:
            raise UsageError(
                f"MILLRACE_RETRAIN_WORK={path}: the folder cannot be made ({error.strerror})"
            ) from error

    @contextmanager
    def held(self) -> Iterator[None]:
        """Have the folder for oneself; the kernel lets it go with the process, however that ends.

        Raises:
            UsageError: another process has it, or it cannot be written.
        """
        try:
            file = (self.path / LOCK_FILE).open("w")
        except OSError as error:
            raise UsageError(
                f"MILLRACE_RETRAIN_WORK={self.path}: {LOCK_FILE} cannot be written ({error.strerror}); check "
                "its permissions, or choose another folder"
            ) from error
        with file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise UsageError(
                    f"MILLRACE_RETRAIN_WORK={self.path}: another process works there; wait for it, "
                    "or choose another folder"
                ) from error
            yield

    @property
    def candidate(self) -> Path:
        """The folder in which the candidate's folder is made."""
        return self.path / "candidate"

    @property
    def refit(self) -> Path:
        """The folder in which the folder of the candidate's refit is made."""
        return self.path / "refit"

    @property
    def incumbent(self) -> Path:
        """The folder into which the running release is copied."""
        return self.path / "incumbent"

    @property
    def checkpoint(self) -> Path:
        """The training's checkpoint."""
        return self.path / "checkpoint"

    def record(self) -> CycleRecord | None:
        """The cycle that was last saved.

        Raises:
            UsageError: the file is not one of this version.
        """
        path = self.path / RECORD_FILE
        try:
            return decode_cycle_record(path.read_bytes())
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError) as error:
            raise UsageError(
                f"{path}: cannot be read ({error}); `--restart` begins a new cycle in its place"
            ) from error

    def save(self, record: CycleRecord) -> None:
        """Replace the record, whole or not at all; it is on the disc when this returns.

        Raises:
            Unavailable: the disc does not take it.
        """
        self._replace(RECORD_FILE, encode_cycle_record(record))

    def save_window(self, events: pl.DataFrame) -> None:
        """Keep the events.

        Raises:
            Unavailable: the disc does not take them.
        """
        unfinished = self.path / f".{WINDOW_FILE}"
        try:
            events.write_parquet(unfinished)
            to_disk(unfinished)
            unfinished.replace(self.path / WINDOW_FILE)
            to_disk(self.path)
        except OSError as error:
            raise self._unwritable(error) from error

    def window(self) -> pl.DataFrame:
        """The events that were kept.

        Raises:
            UsageError: they cannot be read.
        """
        path = self.path / WINDOW_FILE
        try:
            return pl.read_parquet(path)
        except (OSError, pl.exceptions.PolarsError) as error:
            raise UsageError(
                f"{path}: the window cannot be read ({error}); `--restart` begins a new cycle"
            ) from error

    def empty(self) -> None:
        """Remove all but the record."""
        (self.path / WINDOW_FILE).unlink(missing_ok=True)
        for folder in (self.candidate, self.refit, self.incumbent):
            shutil.rmtree(folder, ignore_errors=True)
        for checkpoint in self.path.glob(f"{self.checkpoint.name}*"):
            checkpoint.unlink()

    def _replace(self, name: str, value: bytes) -> None:
        unfinished = self.path / f".{name}"
        try:
            unfinished.write_bytes(value)
            to_disk(unfinished)
            unfinished.replace(self.path / name)
            to_disk(self.path)
        except OSError as error:
            raise self._unwritable(error) from error

    def _unwritable(self, error: OSError) -> Unavailable:
        return Unavailable(f"MILLRACE_RETRAIN_WORK={self.path}: cannot be written ({error}); make room there")
