"""The model alone: micro-batches of events through the Recommender, states kept in memory, no I/O.

A process of its own, so that it can have the measured core for itself. Prints one line of JSON, see `Floor`.
Caller: `bench_floors`, as `python -m streams.dev.compute_floor RELEASE EVENTS BATCH_EVENTS`.
"""

import itertools
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import msgspec

from models.recommender import Recommender, SessionEvent
from models.release import load_release
from models.session_rule import EVENT_TYPE_CODES
from schemas.ids import SessionId
from schemas.item_event import DEFAULT_EVENT_TYPE_MAP, EraseSession, decode_event
from schemas.session_state import SessionState

_WARM_UP_SHARE = 0.1
_EXCLUDED = frozenset([EVENT_TYPE_CODES["purchase"]])
"""As the worker's default."""


class Floor(msgspec.Struct, frozen=True):
    """CPU time of a number of events."""

    events: int
    cpu_s: float


def measure(release: Path, lines: Sequence[bytes], batch_events: int) -> Floor:
    """Recommend for events in log order, the first tenth unmeasured.

    Args:
        release: a release's folder.
        lines: ItemEvent JSON.
        batch_events: events of a micro-batch.
    """
    recommender = Recommender(load_release(release), 20, _EXCLUDED)
    events = [SessionEvent(decode_event(line, [], DEFAULT_EVENT_TYPE_MAP), 0) for line in lines]
    assert not any(isinstance(one.event, EraseSession) for one in events)
    states: dict[SessionId, SessionState | None] = {}
    warm_up = int(_WARM_UP_SHARE * len(events))
    _recommend(recommender, states, events[:warm_up], batch_events)
    started_s = time.process_time()
    _recommend(recommender, states, events[warm_up:], batch_events)
    return Floor(len(events) - warm_up, time.process_time() - started_s)


def _recommend(
    recommender: Recommender,
    states: dict[SessionId, SessionState | None],
    events: Sequence[SessionEvent],
    batch_events: int,
) -> None:
    waiting = iter(events)
    while batch := list(itertools.islice(waiting, batch_events)):
        known = {one.event.session_id: states.get(one.event.session_id) for one in batch}
        states |= recommender.recommend(known, batch).states


def main() -> None:
    """Measure, and print the figures."""
    release, events, batch_events = sys.argv[1:]
    lines = Path(events).read_bytes().splitlines()
    sys.stdout.write(msgspec.json.encode(measure(Path(release), lines, int(batch_events))).decode() + "\n")


if __name__ == "__main__":
    main()
