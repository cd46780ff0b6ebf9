"""Which core the measured process has for itself, and starting children on chosen cores.

Linux only; elsewhere nothing is pinned. Callers: the online benches.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Cores(NamedTuple):
    """The split of this machine between what is measured and all the rest."""

    measured: frozenset[int]
    others: frozenset[int]
    pinned: bool
    """False: the system pins nothing, or there is one core only; both sets are then the same."""

    def described(self, measured: str) -> str:
        """For a report; `measured` names what has the first core."""
        if not self.pinned:
            return "nothing is pinned (it takes Linux and two cores)"
        return f"{measured}: core {_named(self.measured)}; broker, Redis, clients: {_named(self.others)}"


def split_cores() -> Cores:
    """The first core of those that this process may use for what is measured, the others for the rest."""
    if sys.platform != "linux":
        return Cores(frozenset(), frozenset(), pinned=False)
    first, *rest = sorted(os.sched_getaffinity(0))
    if not rest:
        return Cores(frozenset([first]), frozenset([first]), pinned=False)
    return Cores(frozenset([first]), frozenset(rest), pinned=True)


@contextmanager
def on_cores(cores: frozenset[int]) -> Iterator[None]:
    """Within the block this thread, and every process that it starts, runs on these cores only."""
    if sys.platform != "linux" or not cores:
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cores)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _named(cores: frozenset[int]) -> str:
    return ", ".join(map(str, sorted(cores)))
