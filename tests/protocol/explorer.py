"""The explorer: every world that can be reached within bounds, breadth first, and the shortest way to each.

Owns no rule of the protocol. Callers: the tests, `python -m tests.protocol`.
"""

import gc
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.protocol.batch_steps import BatchSteps, Step
from tests.protocol.fault_steps import FaultSteps
from tests.protocol.invariants import violation
from tests.protocol.modelled_log import Log
from tests.protocol.protocol_rules import DESIGNED, Rules
from tests.protocol.source_steps import SourceSteps
from tests.protocol.world_state import Faults, Shard, Worker, World

NO_FAULTS = Faults()


@dataclass(frozen=True)
class Bounds:
    """How far to explore."""

    log: Log
    faults: Faults = NO_FAULTS
    batch_sizes: tuple[int, ...] = (1, 2)
    in_flight: int = 2
    workers: int = 1
    refill: int = 2
    computes_at_once: bool = True
    polls_at_once: bool = True


@dataclass
class Exploration:
    """What was found."""

    worlds: int
    """How many different ones were reached."""
    problem: str = ""
    """What is violated; nothing where all holds everywhere."""
    trace: list[str] = field(default_factory=list)
    """What happened on the shortest way there."""

    def __str__(self) -> str:
        return "\n".join([*self.trace, self.problem or f"no violation in {self.worlds} worlds"])


class Explorer:
    """All interleavings within bounds under some rules."""

    def __init__(self, bounds: Bounds, rules: Rules = DESIGNED) -> None:
        log = bounds.log
        self._bounds = bounds
        self._batches = BatchSteps(log, rules, computes_at_once=bounds.computes_at_once)
        self._source = SourceSteps(
            log, rules, bounds.batch_sizes, bounds.in_flight, bounds.refill, bounds.polls_at_once
        )
        self._faults = FaultSteps(log, bounds.refill)
        self._worlds: list[World] = []
        self._came_from: list[tuple[int, str]] = []
        self._progress: list[list[int]] = []
        """By world those where worker 0 alone, without another fault, may lead."""

    def explore(self) -> Exploration:
        """Until every world was seen or one violates an invariant, or worker 0 may get stuck."""
        collects = gc.isenabled()
        gc.disable()  # there is no garbage among millions of tuples, and looking for it takes long
        try:
            return self._explore()
        finally:
            if collects:
                gc.enable()

    def _explore(self) -> Exploration:
        seen: dict[World, int] = {}
        queue: deque[int] = deque()

        def reach(world: World, parent: int, said: str) -> int:
            number = seen.setdefault(world, len(self._worlds))
            if number == len(self._worlds):
                self._worlds.append(world)
                self._came_from.append((parent, said))
                self._progress.append([])
                queue.append(number)
            return number

        reach(self._first(), -1, "at first")
        while queue:
            at = queue.popleft()
            world = self._worlds[at]
            if problem := violation(world, self._bounds.log, self._bounds.faults):
                return Exploration(len(self._worlds), problem, self._trace(at))
            at_once = self._at_once(world)
            self._progress[at] = [reach(after, at, said) for said, after in at_once or self._steps(world, 0)]
            for said, after in self._others(world) if not at_once else ():
                reach(after, at, said)
        return self._without_progress() or Exploration(len(self._worlds))

    def _first(self) -> World:
        buckets = self._bounds.log.buckets
        return World(
            store=(Shard(0),) * buckets,
            workers=(Worker(),) * self._bounds.workers,
            left=self._bounds.faults,
            past=(frozenset(),) * buckets,
        )

    def _at_once(self, world: World) -> list[Step]:
        for number in range(len(world.workers)):
            if steps := self._source.at_once(world, number):
                return steps
        return []

    def _steps(self, world: World, number: int) -> Iterator[Step]:
        yield from self._source.of_worker(world, number)
        yield from self._batches.of_worker(world, number)

    def _others(self, world: World) -> Iterator[Step]:
        for number in range(1, len(world.workers)):
            yield from self._steps(world, number)
        yield from self._faults.of_world(world)

    def _without_progress(self) -> Exploration | None:
        """A world from where worker 0 alone does not surely reach the end of the log, however it goes on."""
        open_ways = [len(ways) for ways in self._progress]
        back: list[list[int]] = [[] for _ in self._worlds]
        for at, ways in enumerate(self._progress):
            for after in ways:
                back[after].append(at)
        reaching = deque(at for at, ways in enumerate(self._progress) if not ways and self._is_end(at))
        done = set(reaching)
        while reaching:
            for before in back[reaching.popleft()]:
                open_ways[before] -= 1
                if not open_ways[before]:
                    reaching.append(before)
                    done.add(before)
        stuck = next((at for at in range(len(self._worlds)) if at not in done), None)
        if stuck is None:
            return None
        problem = "P: worker 0 alone may not reach the end of the log from here"
        return Exploration(len(self._worlds), problem, self._trace(stuck))

    def _is_end(self, at: int) -> bool:
        """Everything is applied, or was before Redis lost it and too long ago for a live session."""
        world = self._worlds[at]
        if world.marks == world.workers[0].expected:
            return world.workers[0].position == self._bounds.log.end
        return all(mark == self._bounds.log.end for mark in world.marks)

    def _trace(self, at: int) -> list[str]:
        lines: list[str] = []
        while at >= 0:
            parent, said = self._came_from[at]
            lines.append(f"{said:48}{_summary(self._worlds[at])}")
            at = parent
        return lines[::-1]


_STAGES = ("polled", "reading", "checked", "computed", "emitted", "saving", "done")
_FATES = ("", ", refused", ", given up")


def _summary(world: World) -> str:
    stored = "; ".join(
        f"{shard.mark} {{{', '.join(f'{session}: {state.offsets}' for session, state in shard.states)}}}"
        for shard in world.store
    )
    flying = " ".join(
        f"[{batch.begin},{batch.end}) {_STAGES[batch.stage]}{_FATES[batch.fate]}"
        for worker in world.workers
        for batch in worker.batches
    )
    return f"Redis {stored} | in flight: {flying or 'none'}"
