"""The protocol holds in every interleaving within bounds, and the explorer finds what breaks it.

The bounds: a log of 5 to 7 events of two sessions, batches of 1 or 2 events, up to 3 of them in flight, 1 or
2 buckets; one worker in every detail, and others as what they do to Redis (in one exploration two workers in
every detail); and one fault each of one to three kinds: a foreign save, a rewind, an emptying, a death, a
batch given up, a lost answer, a swap. 350 000 worlds in all, 20 s on one core; deeper bounds by
`python -m tests.protocol`.
"""

import pytest

from tests.protocol.bounded_worlds import BOUNDS
from tests.protocol.broken_variants import BROKEN
from tests.protocol.explorer import Bounds, Explorer
from tests.protocol.modelled_log import Entry, Log, State
from tests.protocol.protocol_rules import Rules
from tests.protocol.world_state import Faults

pytestmark = pytest.mark.timeout(600)  # a busy machine takes its time


@pytest.mark.parametrize("name", BOUNDS)
def test_protocol_holds_in_every_interleaving(name: str) -> None:
    found = Explorer(BOUNDS[name]).explore()
    assert found.problem == "", str(found)
    assert found.worlds > 500


@pytest.mark.parametrize("name", BROKEN)
def test_protocol_without_one_of_its_rules_is_found_broken(name: str) -> None:
    broken = BROKEN[name]
    found = Explorer(BOUNDS[broken.bounds], broken.rules).explore()
    assert found.problem.startswith(f"{broken.breaks}: "), str(found)
    assert found.trace[0].startswith("at first")


def test_turning_before_all_batches_are_done_is_safe_where_batches_join() -> None:
    found = Explorer(BOUNDS["refusals"], Rules(turns_when_idle=False)).explore()
    assert found.problem == "", str(found)


def test_trace_is_the_shortest_way_in_words() -> None:
    log = Log((Entry("a"), Entry("a")), (("a", 0),))
    bounds = Bounds(log, Faults(), batch_sizes=(1,), in_flight=1)
    found = Explorer(bounds, Rules(emits_first=False)).explore()
    assert [line[:48].strip() for line in found.trace] == [
        "at first",
        "worker 0 goes to 0, expecting 0",
        "worker 0 polls [0, 1)",
        "worker 0 batch [0, 1) reads bucket 0",
        "worker 0 batch [0, 1) saves to bucket 0",
    ]
    assert found.problem == "E: nothing was emitted for 0, below watermark 1"
    assert str(found).endswith(found.problem)


def test_modelled_session_is_the_fold_of_its_events() -> None:
    log = Log(
        (
            Entry("a", event_id="x"),
            Entry("a", event_id="x"),
            Entry("a", "private"),
            Entry("a"),
            Entry("a", "erase"),
        ),
        (("a", 0),),
    )
    state: State | None = None
    states = []
    for offset in range(log.end):
        state, _ = log.advance(state, offset, release=offset)
        states.append(state)
    assert states == [State((0,), (0,)), State((0,), (0,)), State((0,), (0,)), State((0, 3), (3, 3)), None]
