"""Faults of workers: killed, stopped in their tracks, joining and leaving."""

from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from tests.chaos.chaos_stage import SESSION_TIMEOUT_S, ChaosStage
from tests.chaos.fault import Fault
from tests.chaos.worker_crew import Place


def _someone(chaos: ChaosStage, random: Random) -> Place | None:
    """A running worker, one that has been serving where there is one."""
    working = chaos.crew.working()
    serving = [place for place in working if place.was_ready]
    return random.choice(serving or working) if working else None


@contextmanager
def kill(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """Kill -9; the crew starts a new one after a second."""
    if place := _someone(chaos, random):
        chaos.crew.kill(place)
    yield place.name if place else None


@contextmanager
def pause(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """SIGSTOP, and SIGCONT at the end: a zombie where that takes longer than the session timeout."""
    place = _someone(chaos, random)
    if place is None:
        yield None
        return
    chaos.crew.pause(place)
    yield place.name
    chaos.crew.resume(place)


@contextmanager
def join(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """One worker more, which leaves again (SIGTERM)."""
    free = [place for place in chaos.crew.places if not place.wanted]
    if not free:
        yield None
        return
    chaos.crew.employ(free[0])
    yield free[0].name
    chaos.crew.dismiss(free[0])


@contextmanager
def leave(chaos: ChaosStage, random: Random) -> Iterator[str | None]:
    """SIGTERM, as at a rolling restart; a successor comes at the end."""
    place = _someone(chaos, random)
    if place is None:
        yield None
        return
    chaos.crew.dismiss(place)
    yield place.name
    chaos.crew.employ(place)


KILL = Fault("worker killed", "workers", (0.0, 4.0), kill)
ZOMBIE = Fault("worker stopped, a zombie", "workers", (SESSION_TIMEOUT_S + 1.5, SESSION_TIMEOUT_S + 5), pause)
NAP = Fault("worker stopped for a moment", "workers", (0.2, 2.0), pause)
JOIN = Fault("worker joins and leaves", "workers", (6.0, 12.0), join)
LEAVE = Fault("worker leaves and comes back", "workers", (1.0, 5.0), leave)
WORKER_FAULTS = (KILL, ZOMBIE, NAP, JOIN, LEAVE)
