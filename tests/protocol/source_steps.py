"""What the event source does: poll batches, follow their outcomes in order, go where the watermarks say.

The model of `streams.event_source` and `streams.taking_over`. Caller: `explorer`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from streams.micro_batch import Watermarks, advanced, lowest
from tests.protocol.batch_steps import Step
from tests.protocol.chained_states import inherit
from tests.protocol.modelled_log import Log
from tests.protocol.protocol_rules import Rules
from tests.protocol.world_state import Batch, Fate, Stage, Worker, World


@dataclass(frozen=True)
class SourceSteps:
    """The source's steps.

    Attributes:
        log: what it polls.
        rules: the protocol.
        batch_sizes: how many events a batch may have.
        in_flight: how many batches at most.
        refill: how far behind the committed offset a session gap may reach, in events.
        polls_at_once: whether it polls as soon as it may.
    """

    log: Log
    rules: Rules
    batch_sizes: tuple[int, ...]
    in_flight: int
    refill: int
    polls_at_once: bool

    def at_once(self, world: World, number: int) -> list[Step]:
        """What a worker's source does before anything else happens: nothing else can tell the difference."""
        worker = world.workers[number]
        if _may_leave(worker) and worker.batches[0].fate == Fate.GOOD:
            return [self._follow(world, number)]
        if self.polls_at_once and worker.position is not None and len(worker.batches) < self.in_flight:
            return list(self._poll(world, number))
        return []

    def of_worker(self, world: World, number: int) -> Iterator[Step]:
        """Every next step of a worker's source."""
        worker = world.workers[number]
        if _may_leave(worker):
            yield self._follow(world, number)
        elif worker.position is None:
            if not worker.batches or not self.rules.turns_when_idle:
                yield from self._turn(world, number)
        elif not worker.batches and worker.expected != world.marks:
            yield f"worker {number} compares", world.with_worker(number, worker._replace(position=None))
        elif len(worker.batches) < self.in_flight:
            yield from self._poll(world, number)
            yield from self._catches_up(world, number)

    def _poll(self, world: World, number: int) -> Iterator[Step]:
        worker = world.workers[number]
        assert worker.position is not None
        for end in {min(worker.position + size, self.log.end) for size in self.batch_sizes}:
            if end > worker.position:
                buckets = self.log.buckets_between(worker.position, end)
                after = self._launched(world, number, end, buckets)
                if not self.rules.commits_saved:
                    after = after._replace(committed=end)
                yield f"worker {number} polls [{worker.position}, {end})", after

    def _catches_up(self, world: World, number: int) -> Iterator[Step]:
        """A batch without events moves the buckets that have lagged behind."""
        worker = world.workers[number]
        assert worker.position is not None
        lag = any(mark is None or mark < worker.position for mark in worker.expected)
        if lag:
            every = frozenset(range(self.log.buckets))
            after = self._launched(world, number, worker.position, every)
            yield f"worker {number} lets idle buckets catch up", after

    def _launched(self, world: World, number: int, end: int, buckets: frozenset[int]) -> World:
        """The world with one more batch in flight, which begins as it is polled."""
        worker = world.workers[number]
        assert worker.position is not None
        new = advanced(worker.expected, end, buckets if self.rules.idle_stay else None)
        if not self.rules.ahead_stays:
            new = tuple(end if bucket in buckets else mark for bucket, mark in enumerate(new))
        batch = Batch(worker.position, end, worker.expected, new, buckets, worker.release)
        return world.with_worker(
            number, worker._replace(position=end, expected=new, batches=(*worker.batches, batch))
        )

    def _follow(self, world: World, number: int) -> Step:
        """The outcome of the oldest batch."""
        worker = world.workers[number]
        oldest = worker.batches[0]
        after = worker._replace(batches=inherit(worker.batches, self.rules))
        said = f"worker {number} follows [{oldest.begin}, {oldest.end})"
        if oldest.fate == Fate.GOOD:
            return said, self._applied(world, number, after, oldest)
        if not oldest.stale:
            after = _turning(after)
        return f"{said}, which was dropped", world.with_worker(number, after)

    def _applied(self, world: World, number: int, after: Worker, oldest: Batch) -> World:
        world = world.with_worker(number, after)
        return world._replace(committed=oldest.end)  # also of what was polled before a refusal

    def _turn(self, world: World, number: int) -> Iterator[Step]:
        """Read the watermarks and go to the lowest; where one is missing, to where Redis is refilled from."""
        for position in self._positions(world):
            worker = world.workers[number]._replace(position=position, expected=world.marks)
            after = world.with_worker(number, worker)
            if None in world.marks:
                after = after._replace(starts=world.starts | {position})
            yield f"worker {number} goes to {position}, expecting {_said(world.marks)}", after

    def _positions(self, world: World) -> list[int]:
        """Where a worker may go: a session gap may be short or long."""
        low = lowest(world.marks)
        if low is not None and None not in world.marks:
            return [low]
        applied = world.committed if low is None else min(low, world.committed)
        return sorted({max(0, applied - self.refill), applied})


def _may_leave(worker: Worker) -> bool:
    """Whether the oldest batch is done; it stays where another looks back at it in the midst of its load."""
    looked_at = any(batch.stage == Stage.READING for batch in worker.batches)
    return bool(worker.batches) and worker.batches[0].stage == Stage.DONE and not looked_at


def _turning(worker: Worker) -> Worker:
    """The worker when it must read the watermarks: what is in flight was polled before that."""
    stale = tuple(batch._replace(stale=True) for batch in worker.batches)
    return worker._replace(position=None, expected=(), batches=stale)


def _said(marks: Watermarks) -> str:
    return ", ".join("none" if mark is None else str(mark) for mark in marks)
