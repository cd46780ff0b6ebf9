"""What may go wrong: other workers, a Redis that goes back or loses everything, deaths, lost answers, swaps.

A foreign save stands for all that a second worker can do to this one: it moves a bucket's watermark ahead,
with the right states, after it has emitted the right lists. That another worker does right is what the same
model says of it. Callers: `explorer`.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from streams.micro_batch import lowest
from tests.protocol.batch_steps import Step
from tests.protocol.chained_states import given_up
from tests.protocol.modelled_log import Log, State
from tests.protocol.world_state import Shard, Stage, Worker, World


@dataclass(frozen=True)
class FaultSteps:
    """The faults that are left.

    Attributes:
        log: what the workers read.
        refill: see `SourceSteps`.
    """

    log: Log
    refill: int

    def of_world(self, world: World) -> Iterator[Step]:
        """Every fault that may happen now."""
        if world.left.foreign_saves:
            yield from self._foreign_saves(world)
        if world.left.rewinds:
            yield from _rewinds(world)
        if world.left.emptyings:
            yield from _emptyings(world)
        for number, worker in enumerate(world.workers):
            yield from _of_worker(world, number, worker)

    def _foreign_saves(self, world: World) -> Iterator[Step]:
        left = world.left._replace(foreign_saves=world.left.foreign_saves - 1)
        low = lowest(world.marks)
        applied = world.committed if low is None else min(low, world.committed)
        refilled_from = max(0, applied - self.refill)
        for bucket, shard in enumerate(world.store):
            first = refilled_from if shard.mark is None else shard.mark
            begin = refilled_from if None in world.marks else first if low is None else low
            for end in range(first + 1, self.log.end + 1):
                emitted = sum(1 << offset for offset in range(begin, end))
                after = world.with_shard(bucket, self._advanced(shard, bucket, first, end))
                starts = world.starts | {first} if shard.mark is None else world.starts
                after = after._replace(emitted=world.emitted | emitted, starts=starts, left=left)
                yield f"another worker moves bucket {bucket} from {shard.mark} to {end}", _trimmed(after)

    def _advanced(self, shard: Shard, bucket: int, begin: int, end: int) -> Shard:
        """A bucket after another worker has applied its events, under the first release."""
        states: dict[str, State | None] = dict(shard.states)
        for offset in range(begin, end):
            if self.log.bucket(offset) == bucket:
                session = self.log.entries[offset].session
                states[session], _ = self.log.advance(states.get(session), offset, 0)
        kept = sorted((session, state) for session, state in states.items() if state is not None)
        return Shard(end, tuple(kept))


def _rewinds(world: World) -> Iterator[Step]:
    left = world.left._replace(rewinds=world.left.rewinds - 1)
    for bucket, past in enumerate(world.past):
        for shard in past - {world.store[bucket]}:
            after = world.with_shard(bucket, shard)._replace(left=left)
            yield f"bucket {bucket} goes back to {shard.mark}", _trimmed(after)


def _emptyings(world: World) -> Iterator[Step]:
    left = world.left._replace(emptyings=world.left.emptyings - 1)
    everything = world._replace(left=left)
    for bucket in range(len(world.store)):
        everything = everything.with_shard(bucket, Shard(None))
        if len(world.store) > 1:
            yield (
                f"bucket {bucket} loses everything",
                world._replace(left=left).with_shard(bucket, Shard(None)),
            )
    yield "Redis loses everything", everything


def _of_worker(world: World, number: int, worker: Worker) -> Iterator[Step]:
    left = world.left
    if left.kills and worker.batches:
        killed = world.with_worker(number, Worker(release=worker.release))
        yield f"worker {number} is killed", killed._replace(left=left._replace(kills=left.kills - 1))
    if left.swaps:
        swapped = world.with_worker(number, worker._replace(release=worker.release + 1))
        yield f"worker {number} swaps its release", swapped._replace(left=left._replace(swaps=left.swaps - 1))
    if left.give_ups:
        for at, batch in enumerate(worker.batches):
            if batch.stage <= Stage.COMPUTED:
                batches = (*worker.batches[:at], given_up(batch), *worker.batches[at + 1 :])
                after = world.with_worker(number, worker._replace(batches=batches))
                said = f"worker {number} gives up [{batch.begin}, {batch.end})"
                yield said, after._replace(left=left._replace(give_ups=left.give_ups - 1))


def _trimmed(world: World) -> World:
    """The world without a past that can no longer come back."""
    return world if world.left.rewinds else world._replace(past=(frozenset(),) * len(world.store))
