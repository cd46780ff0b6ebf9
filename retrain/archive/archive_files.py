"""What the files of an archive are called, and which of them hold the log when ranges overlap.

A file holds one range of offsets of one partition, and its name says which. Files may overlap: two archivers
may have written the same events, and a compacted file stands beside those it was made of until they are
deleted. The cover takes each offset once, so every mixture reads as the same log. Callers: all of
`retrain.archive`.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple, TypeAlias

Partition: TypeAlias = tuple[str, int]
"""Topic and number."""
_NAME = re.compile(
    r"day=(?P<day>\d{4}-\d{2}-\d{2})/(?P<topic>[a-zA-Z0-9._-]+)-(?P<partition>\d+)"
    r"-(?P<first>\d{20})-(?P<next>\d{20})-r(?P<revision>\d+)\.parquet"
)


class ArchiveFile(NamedTuple):
    """A file of the archive, by its name."""

    topic: str
    partition: int
    first_offset: int
    next_offset: int
    """The offset behind the last one that the file covers; not all that it covers have a row."""
    day: str
    """`YYYY-MM-DD`, UTC, see `retrain.archive.partition_buffer`."""
    revision: int = 0
    """How often rows were taken out of it."""

    @property
    def path(self) -> str:
        """Where it lies in the archive."""
        offsets = f"{self.first_offset:020d}-{self.next_offset:020d}-r{self.revision}"
        return f"day={self.day}/{self.topic}-{self.partition}-{offsets}.parquet"

    @property
    def source(self) -> Partition:
        """The partition it is of."""
        return self.topic, self.partition


class Part(NamedTuple):
    """What is read of a file: the offsets from `first_offset` on, up to `next_offset`."""

    file: ArchiveFile
    first_offset: int
    next_offset: int


def parse_path(path: str) -> ArchiveFile | None:
    """The file of a path within the archive; None where it is something else, as an unfinished file."""
    found = _NAME.fullmatch(path)
    if found is None:
        return None
    first, behind = int(found["first"]), int(found["next"])
    file = ArchiveFile(
        found["topic"], int(found["partition"]), first, behind, found["day"], int(found["revision"])
    )
    return file if first < behind and file.path == path else None


def cover(files: Iterable[ArchiveFile]) -> list[Part]:
    """Each archived offset once, by partition and offset.

    Of files that begin alike the widest is taken, and of the same range the last revision.
    """
    parts: list[Part] = []
    for file in sorted(files, key=_widest_first):
        before = parts[-1] if parts and parts[-1].file.source == file.source else None
        covered = before.next_offset if before is not None else 0
        if file.next_offset > covered:
            parts.append(Part(file, max(file.first_offset, covered), file.next_offset))
    return parts


def superseded(files: Iterable[ArchiveFile]) -> list[ArchiveFile]:
    """The files of which nothing is read: each lies within one other file that is there."""
    everything = set(files)
    return sorted(everything - {part.file for part in cover(everything)})


def next_offsets(files: Iterable[ArchiveFile]) -> dict[Partition, int]:
    """Where each partition goes on behind the archive; partitions without a file are not there."""
    found: dict[Partition, int] = {}
    for file in files:
        found[file.source] = max(file.next_offset, found.get(file.source, 0))
    return found


def gaps(parts: Iterable[Part]) -> dict[Partition, int]:
    """How many offsets are missing between the parts of each partition that has gaps."""
    missing: dict[Partition, int] = {}
    before: Part | None = None
    for part in parts:
        if before is not None and before.file.source == part.file.source:
            lost = part.first_offset - before.next_offset
            if lost > 0:
                missing[part.file.source] = missing.get(part.file.source, 0) + lost
        before = part
    return missing


def _widest_first(file: ArchiveFile) -> tuple[str, int, int, int, int, str]:
    return (
        file.topic, file.partition, file.first_offset, -file.next_offset, -file.revision, file.day
    )  # fmt: skip
