"""What a worker counts of its releases: lists, dead letters, tries that failed; of the last few releases."""

import numpy as np
import pytest

from models.ranking import RankedRows
from models.recommender import Recommendation
from schemas.errors import Unavailable
from schemas.ids import ReleaseId
from schemas.worker_heartbeat import OnlineCounts
from streams.dead_letters import dead_letter
from streams.isolation import Isolated
from streams.release_counts import REMEMBERED, ReleaseCounts, added_counts
from tests.streams.records import a_record

R1, R2 = ReleaseId("r1"), ReleaseId("r2")
A_LIST = Recommendation(RankedRows(np.zeros(0, np.int32), np.zeros(0, np.float32)), "gru4rec")


def a_batch_of(lists: int, erasures: int = 0, letters: int = 0) -> Isolated:
    letter = dead_letter(a_record(b"{}"), "recommend", ValueError("a bug"))
    return Isolated(recommendations=[A_LIST] * lists + [None] * erasures, letters=[letter] * letters)


def out_of_memory() -> Isolated:
    raise Unavailable("the recommender lacks memory")


def test_lists_and_dead_letters_are_counted_by_release() -> None:
    counts = ReleaseCounts()
    counts.counted(R1, lambda: a_batch_of(lists=5, erasures=2, letters=1))
    counts.counted(R2, lambda: a_batch_of(lists=3))
    counts.counted(R1, lambda: a_batch_of(lists=1))
    assert counts.counts() == {R1: OnlineCounts(events=6, errors=1), R2: OnlineCounts(events=3)}


def test_batch_that_is_tried_again_counts_as_one_error_each_time() -> None:
    counts = ReleaseCounts()
    for _ in range(2):
        with pytest.raises(Unavailable):
            counts.counted(R1, out_of_memory)
    assert counts.counts() == {R1: OnlineCounts(errors=2)}


def test_releases_that_served_last_are_remembered() -> None:
    counts = ReleaseCounts()
    for number in [*range(REMEMBERED + 3), 4]:
        counts.counted(ReleaseId(f"r{number}"), lambda: a_batch_of(lists=1))
    assert list(counts.counts()) == ["r3", "r5", "r6", "r7", "r8", "r9", "r10", "r4"]
    assert counts.counts()[ReleaseId("r4")].events == 2


def test_what_several_count_of_a_release_is_added() -> None:
    hits = {R1: OnlineCounts(predictions=4, hits=2, reciprocal_ranks=0.75)}
    total = added_counts(lambda: {R1: OnlineCounts(events=6), R2: OnlineCounts(events=1)}, lambda: hits)
    assert total() == {
        R1: OnlineCounts(predictions=4, hits=2, reciprocal_ranks=0.75, events=6),
        R2: OnlineCounts(events=1),
    }
