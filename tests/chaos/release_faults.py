"""Faults around releases and clocks: swaps, corrupt releases, no room for a release, clock steps."""

import itertools
import time
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from schemas.ids import ReleaseId
from tests.chaos.chaos_stage import RELEASES, ChaosStage
from tests.chaos.fault import Fault
from tests.release_builder import corrupt
from tests.successor_release import write_successor_release

_numbers = itertools.count()
STEPS_S = (-7200, -1700, -30, 30, 1700, 1900, 3500, 7200, 315_360_000)
"""About the session gap of half an hour, both ways; beyond the hour that a clock may be ahead; ten years."""


def _the_other(chaos: ChaosStage) -> ReleaseId:
    return next(release for release in RELEASES if release != chaos.serving)


@contextmanager
def swapped(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """The other release is announced."""
    chaos.serving = _the_other(chaos)
    chaos.stage.announce(chaos.serving)
    yield str(chaos.serving)


@contextmanager
def corrupted(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """A release is announced of which a file is not what its manifest says; later a good one."""
    name = f"corrupt-{next(_numbers)}"
    folder = chaos.folder / "releases"
    write_successor_release(folder, name, RELEASES[ReleaseId("r1")])
    corrupt(folder, ReleaseId(name))
    chaos.stage.announce(ReleaseId(name))
    yield name
    chaos.stage.announce(chaos.serving)


@contextmanager
def no_room(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """A release is announced while the workers' cache takes no file, as on a full disk.

    A plain file stands in the folder's place: that stops root too, whom a read-only folder does not. The
    workers try again by themselves, and take the release once there is room. What they had is not moved
    back: they may have begun anew by then.
    """
    cache = chaos.folder / "cache"
    if cache.is_dir():
        cache.rename(chaos.folder / f"cache-away-{next(_numbers)}")
    cache.touch()
    chaos.serving = _the_other(chaos)
    chaos.stage.announce(chaos.serving)
    yield f"{chaos.serving} announced"
    cache.unlink()


@contextmanager
def clock_stepped(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """The producer's clock is wrong: `occurred_at` jumps, and jumps back at the end."""
    never_set_s = 100 - int(time.time())  # 1970
    chaos.traffic.clock_step_s = random.choice((*STEPS_S, never_set_s))
    yield f"{chaos.traffic.clock_step_s:+d} s"
    chaos.traffic.clock_step_s = 0


SWAP = Fault("release swapped", "releases", (0.5, 4.0), swapped)
CLOCK_STEP = Fault("clock step", "clock", (0.5, 4.0), clock_stepped)
RELEASE_FAULTS = (
    SWAP,
    Fault("corrupt release announced", "releases", (1.0, 4.0), corrupted),
    Fault("no room for a release", "releases", (1.0, 4.0), no_room),
    CLOCK_STEP,
)
