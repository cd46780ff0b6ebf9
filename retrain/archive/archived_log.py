"""Reading the archive: the rows of each partition by offset, each once, a piece at a time.

Owns what happens when files are replaced while they are read: a compaction writes wider ones and deletes
theirs. Then the files are listed again, and the reading goes on at the same offset. Callers:
`retrain.event_log`, `retrain.archive.archive_scrubbing`, benchmarks.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import polars as pl
import pyarrow.parquet as pq
from aiokafka import TopicPartition

from retrain.archive.archive_files import Part, cover, gaps
from retrain.archive.archive_store import ArchiveStore
from retrain.archive.erasure_requests import read_requests
from retrain.archive.erasures import (
    ERASE_COLUMNS,
    Erasures,
    erased_by_requests,
    erased_by_rows,
    no_erasures,
)
from retrain.archive.parquet_files import facts_in, open_parquet, row_pieces
from schemas.errors import Unavailable

_LISTINGS = 5


class Survey(NamedTuple):
    """What the archive says of itself, before its rows are read."""

    erasures: Erasures
    invalid: int
    """Messages that are no events, within the files that are read."""
    without_consent: int


class ArchivedLog:
    """The archive as it was listed; files that are added later are not read."""

    def __init__(self, store: ArchiveStore | None, topics: Sequence[str] | None = None) -> None:
        """List the files.

        Args:
            store: the archive; None: there is none, and nothing is in it.
            topics: those of interest; None: all.

        Raises:
            Unavailable: the store does not answer.
        """
        self._store = store
        self._parts: dict[TopicPartition, list[Part]] = {}
        for part in cover(store.files()) if store is not None else []:
            if topics is None or part.file.topic in topics:
                self._parts.setdefault(TopicPartition(*part.file.source), []).append(part)

    @property
    def partitions(self) -> list[TopicPartition]:
        """The partitions that are in it, sorted."""
        return sorted(self._parts)

    @property
    def offsets(self) -> dict[TopicPartition, tuple[int, int]]:
        """The first offset of each partition, and the one behind the last."""
        return {one: (parts[0].first_offset, parts[-1].next_offset) for one, parts in self._parts.items()}

    @property
    def url(self) -> str:
        """Where it is; empty where there is none."""
        return "" if self._store is None else self._store.url

    def first_offset(self, partition: TopicPartition, since_ms: int | None) -> int | None:
        """The first offset of a partition that is read; None where there is none.

        Args:
            partition: which.
            since_ms: the first row that Kafka took at this time or later; None: the first offset covered.

        Raises:
            Unavailable: the store does not answer.
        """
        if since_ms is None:
            return self.offsets[partition][0] if partition in self._parts else None
        first = next(self.rows(partition, ["offset"], since_ms), None)
        return None if first is None else int(first["offset"][0])

    @property
    def gaps(self) -> dict[TopicPartition, int]:
        """How many offsets are missing in the midst of partitions."""
        missing = gaps(part for parts in self._parts.values() for part in parts)
        return {TopicPartition(*source): lost for source, lost in missing.items()}

    def survey(self) -> Survey:
        """What is erased, and how much was left out when the files were written.

        Raises:
            Unavailable: the store does not answer.
        """
        if self._store is None:
            return Survey(no_erasures(), 0, 0)
        erasures = erased_by_requests(read_requests(self._store))
        invalid = without_consent = 0
        for parts in self._parts.values():
            for part in parts:
                erase_events = 0
                for parquet, _ in self._opened(part):
                    facts = facts_in(parquet, part.file.path)
                    invalid += facts.invalid
                    without_consent += facts.without_consent
                    erase_events += facts.erasures
                for rows in self._rows(part, ERASE_COLUMNS, None) if erase_events else ():
                    erasures += erased_by_rows(rows)
        return Survey(erasures, invalid, without_consent)

    def with_sessions_of_users(self, erasures: Erasures) -> Erasures:
        """With the sessions that erased users have in the archive.

        Raises:
            Unavailable: the store does not answer.
        """
        if erasures.users.is_empty():
            return erasures
        return erasures.with_sessions_of_users(
            rows for partition in self.partitions for rows in self.rows(partition, ERASE_COLUMNS)
        )

    def rows(
        self, partition: TopicPartition, columns: Sequence[str], since_ms: int | None = None
    ) -> Iterator[pl.DataFrame]:
        """The rows of a partition by offset, in pieces.

        Args:
            partition: which.
            columns: of `retrain.archive.log_rows.SCHEMA`; others may be there too.
            since_ms: rows that Kafka took before are left out; None: none are.

        Raises:
            Unavailable: the store does not answer.
        """
        for part in self._parts.get(partition, ()):
            yield from self._rows(part, columns, since_ms)

    def _rows(
        self, part: Part, columns: Sequence[str], since_ms: int | None, listings: int = _LISTINGS
    ) -> Iterator[pl.DataFrame]:
        """The rows of a part; what an object store deletes in the midst is gone, and read on elsewhere."""
        assert self._store is not None
        reached = part.first_offset
        try:
            for parquet, found in self._opened(part):
                for rows in row_pieces(parquet, found, columns, since_ms):
                    yield rows
                    reached = int(rows["offset"][-1]) + 1
                reached = found.next_offset
        except FileNotFoundError as error:
            if not listings:
                raise Unavailable(f"{self._store.url}/{part.file.path} was deleted; try again") from error
            if reached < part.next_offset:
                yield from self._rows(part._replace(first_offset=reached), columns, since_ms, listings - 1)

    def _opened(self, part: Part, listings: int = _LISTINGS) -> Iterator[tuple[pq.ParquetFile, Part]]:
        """The file of a part, or those that hold its offsets by now."""
        assert self._store is not None
        try:
            parquet = open_parquet(self._store, part.file)
        except FileNotFoundError as error:
            instead = _within(part, cover(self._store.files()))
            if not instead or not listings:
                raise Unavailable(
                    f"{self._store.url}/{part.file.path} was deleted while it was to be read; try again"
                ) from error
            for one in instead:
                yield from self._opened(one, listings - 1)
            return
        with parquet:
            yield parquet, part


NO_ARCHIVE = ArchivedLog(None)
"""For a log that is in Kafka alone."""


def _within(part: Part, parts: list[Part]) -> list[Part]:
    """What parts have of the offsets of one."""
    clipped = [
        Part(one.file, max(one.first_offset, part.first_offset), min(one.next_offset, part.next_offset))
        for one in parts
        if one.file.source == part.file.source
    ]
    return [one for one in clipped if one.first_offset < one.next_offset]
