"""Names of files, and which of them hold the log when they overlap."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.archive.archive_files import ArchiveFile, Part, cover, gaps, next_offsets, parse_path, superseded


def a_file(first: int, behind: int, revision: int = 0, partition: int = 0) -> ArchiveFile:
    return ArchiveFile("events", partition, first, behind, "2026-01-01", revision)


FILES = st.lists(
    st.builds(
        lambda first, width, revision, partition: a_file(first, first + width, revision, partition),
        st.integers(0, 30),
        st.integers(1, 12),
        st.integers(0, 2),
        st.integers(0, 1),
    )
)


@pytest.mark.parametrize("topic", ["events", "a-b-0", "shop.views_1-2"])
def test_name_says_what_the_file_holds(topic: str) -> None:
    file = ArchiveFile(topic, 12, 5, 2**40, "2026-01-31", 3)
    assert parse_path(file.path) == file


@pytest.mark.parametrize(
    "path",
    [
        "day=2026-01-01/events-0.parquet",
        ".unfinished-0",
        a_file(5, 5).path,
        a_file(1, 2).path + ".part",
        f"x/{a_file(1, 2).path}",
    ],
)
def test_what_is_no_file_of_the_archive_is_passed_over(path: str) -> None:
    assert parse_path(path) is None


def test_widest_file_is_read_and_those_it_was_made_of_are_not() -> None:
    files = [a_file(0, 5), a_file(5, 9), a_file(0, 9), a_file(9, 12)]
    assert cover(files) == [Part(a_file(0, 9), 0, 9), Part(a_file(9, 12), 9, 12)]
    assert superseded(files) == [a_file(0, 5), a_file(5, 9)]


def test_overlap_is_read_once() -> None:
    assert cover([a_file(0, 6), a_file(4, 9)]) == [Part(a_file(0, 6), 0, 6), Part(a_file(4, 9), 6, 9)]


def test_last_revision_of_a_range_is_read() -> None:
    assert cover([a_file(0, 6), a_file(0, 6, 1)]) == [Part(a_file(0, 6, 1), 0, 6)]


@given(FILES)
def test_every_offset_that_a_file_covers_is_read_once(files: list[ArchiveFile]) -> None:
    parts = cover(files)
    read = [(one.file.source, at) for one in parts for at in range(one.first_offset, one.next_offset)]
    covered = {(one.source, at) for one in files for at in range(one.first_offset, one.next_offset)}
    assert sorted(read) == sorted(covered)
    assert all(
        one.file.first_offset <= one.first_offset < one.next_offset == one.file.next_offset for one in parts
    )


@given(FILES)
def test_without_superseded_files_the_same_is_read(files: list[ArchiveFile]) -> None:
    left = set(files) - set(superseded(files))
    assert cover(left) == cover(files)


def test_gaps_are_counted_within_a_partition_only() -> None:
    files = [a_file(0, 5), a_file(8, 9), a_file(12, 13), a_file(50, 60, partition=1)]
    assert gaps(cover(files)) == {("events", 0): 6}
    assert next_offsets(files) == {("events", 0): 13, ("events", 1): 60}
