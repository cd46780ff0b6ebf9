"""The folder or object store of an archive: listing, reading, writing, deleting; what it does not answer.

How a file appears whole is `retrain.archive.whole_files`, what files mean `retrain.archive.archive_files`.
Writer: of the archive (the archiver, compaction, scrubbing, retention through it). Readers:
`retrain.archive.archived_log`.
"""

import contextlib
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import fsspec

from retrain.archive.archive_files import ArchiveFile, parse_path
from retrain.archive.whole_files import UNFINISHED_S, put_whole, sweep_unfinished, try_folder, write_whole
from schemas.errors import Unavailable, UsageError

ERASURES = "erasures"
"""The folder of requests to erase, see `retrain.archive.erasure_requests`."""
_LISTINGS = 20


class ArchiveStore:
    """An archive, by a local path or an fsspec URL."""

    def __init__(self, url: str, clock: Callable[[], float] = time.time) -> None:
        """Find the store's driver; nothing is read yet.

        Args:
            url: a folder or an fsspec URL such as s3://bucket/archive.
            clock: epoch seconds, for the age of unfinished files.

        Raises:
            UsageError: the protocol is not known or not installed.
            Unavailable: the store does not answer.
        """
        self.url = url
        self._clock = clock
        try:
            self._files, root = fsspec.core.url_to_fs(url)
        except (ImportError, ValueError) as error:
            raise UsageError(f"MILLRACE_ARCHIVE={url}: {error}; give a folder or an fsspec URL") from error
        except Exception as error:  # a client that connects when it is made raises errors of its own classes
            raise Unavailable(f"MILLRACE_ARCHIVE={url}: {error}") from error
        self._root = str(root).rstrip("/")
        self.is_local = "file" in self._files.protocol

    def must_be_there(self) -> None:
        """Tell a name that is misspelt from an archive that has nothing to do: what erases must not miss it.

        Raises:
            UsageError: its folder is not there. Object stores have no folders.
        """
        if self.is_local and not Path(self._root).is_dir():
            raise UsageError(
                f"MILLRACE_ARCHIVE={self.url}: no such folder; start `millrace archive`, which makes it, or "
                "name the one that it writes to"
            )

    def must_be_writable(self) -> None:
        """Make its folder, and try it before there is anything to write; object stores are tried by writing.

        Raises:
            UsageError: the folder cannot be made, or not written to.
        """
        if not self.is_local:
            return
        try:
            try_folder(Path(self._root))
        except OSError as error:
            raise UsageError(
                f"MILLRACE_ARCHIVE={self.url}: cannot be written ({error.strerror}); mend it, or give another"
            ) from error

    def files(self) -> list[ArchiveFile]:
        """The files of the log, sorted.

        A listing is no snapshot: while it goes on a file may be replaced by a wider one. So one counts when
        the next says the same.

        Raises:
            Unavailable: the store does not answer, or changes all the time.
        """
        before = self._listed("")
        for _ in range(_LISTINGS):
            now = self._listed("")
            if now == before:
                return sorted(file for path in now if (file := parse_path(path)) is not None)
            before = now
        raise Unavailable(f"{self.url}: the files change faster than they are listed; try again")

    def erasure_paths(self) -> list[str]:
        """The requests to erase, sorted.

        Raises:
            Unavailable: the store does not answer.
        """
        return sorted(path for path in self._listed(ERASURES) if path.endswith(".json"))

    def source(self, path: str) -> str | IO[bytes]:
        """What Polars and pyarrow read a file by: its local path, or the open file.

        Raises:
            FileNotFoundError: it was deleted.
            Unavailable: the store does not answer.
        """
        if self.is_local:
            return f"{self._root}/{path}"
        with self._telling(path):
            opened: IO[bytes] = self._files.open(f"{self._root}/{path}", "rb")
            return opened

    def read(self, path: str) -> bytes:
        """A small file's bytes.

        Raises:
            FileNotFoundError: it was deleted.
            Unavailable: the store does not answer.
        """
        with self._telling(path):
            return bytes(self._files.cat_file(f"{self._root}/{path}"))

    def write(self, path: str, fill: Callable[[Path], None]) -> int:
        """Make a file that is there whole or not at all; one of this name is replaced.

        Args:
            path: where, within the archive.
            fill: writes the content to a local path.

        Returns:
            Its size in bytes.

        Raises:
            Unavailable: the store cannot be written.
        """
        try:
            with self._telling(path):
                if self.is_local:
                    return write_whole(Path(self._root), path, fill)
                return put_whole(self._files, f"{self._root}/{path}", fill)
        except FileNotFoundError as error:  # the folder was removed meanwhile
            raise Unavailable(f"{self.url}/{path}: {_reason(error)}") from error

    def delete(self, path: str) -> None:
        """Delete a file; it may be gone already.

        Raises:
            Unavailable: the store cannot be written.
        """
        with self._telling(path), contextlib.suppress(FileNotFoundError):
            self._files.rm_file(f"{self._root}/{path}")

    def sweep(self, older_than_s: float = UNFINISHED_S) -> int:
        """Delete what killed processes left unfinished; how many files.

        Raises:
            Unavailable: the store cannot be written.
        """
        if not self.is_local:
            return 0  # nothing unfinished is ever seen in an object store
        with self._telling(""):
            return sweep_unfinished(Path(self._root), older_than_s, self._clock())

    def drop_empty(self, day: str) -> None:
        """Remove the folder of a day, if it is empty; object stores have none."""
        if self.is_local:
            with contextlib.suppress(OSError):
                Path(self._root, f"day={day}").rmdir()

    def _listed(self, under: str) -> set[str]:
        """Paths within the archive, as the store has them now."""
        top = f"{self._root}/{under}" if under else self._root
        with self._telling(under):
            self._files.invalidate_cache()
            try:
                found: list[str] = self._files.find(top)
            except FileNotFoundError:  # nothing was written yet
                return set()
        base = len(self._files._strip_protocol(self._root)) + 1  # noqa: SLF001  # as fsspec's own tools do
        return {path[base:] for path in found}

    @contextlib.contextmanager
    def _telling(self, path: str) -> Iterator[None]:
        try:
            yield
        except (FileNotFoundError, Unavailable):
            raise
        except Exception as error:  # each object store's client raises errors of its own classes
            where = f"{self.url}/{path}" if path else self.url
            raise Unavailable(f"{where}: {_reason(error)}") from error


def _reason(error: Exception) -> str:
    return str(error).partition("\n")[0] or type(error).__name__
