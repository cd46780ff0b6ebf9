"""Loading a release beside the hot path, in a thread that leaves it the interpreter.

Caller: `streams.worker_releases`.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from models.probe_answers import check_probes
from models.recommender import Recommender
from models.release import Release, load_release
from streams.current_recommender import probe

SWITCH_S = 0.0005
"""How long the loading may keep the interpreter while the hot path wants it. With Python's 5 ms each of the
ten or so times that a batch lets go of it costs 5 ms; a vocabulary of a million items is built for 0.7 s."""


def load_warm(folder: Path, threads: int) -> Release:
    """Load a release and let it answer: its probes as on the machine that built it, else a made-up event.

    Its first real event is not slow then. Runs in a thread.

    Raises:
        InvalidRelease: see `models.release.load_release` and `models.probe_answers.check_probes`.
    """
    release = load_release(folder, threads)
    if not check_probes(folder, release):
        probe(Recommender(release))
    return release


@contextmanager
def quick_switches() -> Iterator[None]:
    """Within the block a thread that wants the interpreter waits half a millisecond, whoever has it."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(SWITCH_S)
    try:
        yield
    finally:
        sys.setswitchinterval(before_s)
