"""The save protocol with several batches in flight, in interleavings that hypothesis draws.

Two workers that both believe to own the partition, three batches in flight each, a store of one to three
buckets that is loaded and saved bucket by bucket. Each load, emission and save waits at a gate; which goes
through next is drawn, and so is what goes wrong. The claims are those of the exhaustive model
(`tests.protocol`), of the code that runs:
  S  every state is the fold of exactly its session's events below its bucket's watermark, and so are its
     latest list and whose session it is,
  E  whatever lies below its bucket's watermark was emitted: list, tombstone or dead letter,
  D  whatever was emitted for a message is what the fold up to it gives,
  O  first emissions come in log order,
  R  while nothing has gone wrong, nothing is refused or given up,
  P  once nothing more goes wrong, a worker reaches the end of the log.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.release import Release
from tests.streams.drawn_log import ITEMS, LOGS, Entry
from tests.streams.gated_store import Operation
from tests.streams.pipelined_world import Kind, Step, World
from tests.streams.processors import a_release
from tests.virtual_time import run_in_virtual_time

pytestmark = pytest.mark.timeout(600)  # finding the smallest interleaving that fails takes minutes

HARMLESS: tuple[Kind, ...] = (*("go",) * 4, *("all go",) * 3, *("slow",) * 2, *("poll",) * 5)
FAULTS: tuple[Kind, ...] = ("fail", "lost", "foreign", "rewind", "starve", "give up", "die")
BUCKETS = st.sampled_from([1, 1, 2, 2, 3])
OPEN: st.SearchStrategy[frozenset[Operation]] = st.frozensets(st.sampled_from(["load", "emit"]))
"""What need not wait: with that, more batches get as far as the next gate."""


def steps(kinds: Sequence[Kind], workers: Sequence[int]) -> st.SearchStrategy[list[Step]]:
    """A long list of steps; those that find nothing to happen poll."""
    step = st.builds(Step, st.sampled_from(kinds), st.sampled_from(workers), st.integers(0, 5))
    return st.lists(step, min_size=40, max_size=80)


@st.composite
def troubles(draw: st.DrawFn) -> list[Step]:
    """Steps with a few kinds of faults each, so that one does not always end what another began."""
    faults = draw(st.lists(st.sampled_from(FAULTS), unique=True, min_size=1, max_size=3))
    workers = draw(st.sampled_from([[0], [0, 0, 0, 1]]))
    return draw(steps((*HARMLESS, *faults * 2), workers))


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    folder: Path = tmp_path_factory.mktemp("releases")
    return a_release(folder, ITEMS)


@settings(max_examples=500)
@given(log=LOGS, buckets=BUCKETS, are_open=OPEN, happening=troubles())
def test_no_interleaving_of_batches_in_flight_loses_doubles_or_falsifies_anything(
    release: Release, log: list[Entry], buckets: int, are_open: frozenset[Operation], happening: list[Step]
) -> None:
    async def run() -> None:
        world = World(release, log, buckets, are_open)
        await world.begin()
        for step in happening:
            await world.take(step)
        await world.finish()

    run_in_virtual_time(run())


@settings(max_examples=100)
@given(log=LOGS, buckets=BUCKETS, are_open=OPEN, happening=steps(HARMLESS, workers=[0]))
def test_nothing_is_refused_or_given_up_where_nothing_goes_wrong(
    release: Release, log: list[Entry], buckets: int, are_open: frozenset[Operation], happening: list[Step]
) -> None:
    async def run() -> None:
        world = World(release, log, buckets, are_open)
        await world.begin()
        for step in happening:
            await world.take(step)
            assert world.workers[0].setbacks == 0, "R"
        await world.finish()

    run_in_virtual_time(run())
