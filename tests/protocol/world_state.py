"""The state of the modelled world: Redis, workers with batches in flight, what was emitted, faults left.

Everything is a tuple, so that the explorer can remember it. Callers: the steps, the faults, the invariants.
"""

from typing import Final, NamedTuple

from streams.micro_batch import Watermarks
from tests.protocol.modelled_log import State


class Stage:
    """What was done last for a batch; a step takes batches in their order. Plain numbers hash quickest."""

    POLLED: Final = 0
    READING: Final = 1
    CHECKED: Final = 2
    COMPUTED: Final = 3
    EMITTED: Final = 4
    SAVING: Final = 5
    DONE: Final = 6


class Fate:
    """What became of a batch, or still may."""

    GOOD: Final = 0
    REFUSED: Final = 1
    GIVEN_UP: Final = 2


Changes = tuple[tuple[str, State | None], ...]
"""Changed sessions, each once, sorted; None: deleted."""


class Answer(NamedTuple):
    """What a bucket answered to a save."""

    applied: bool
    stored: int | None


class Shard(NamedTuple):
    """One bucket of Redis: its watermark and its sessions, sorted."""

    mark: int | None
    states: tuple[tuple[str, State], ...] = ()


class Batch(NamedTuple):
    """A batch in flight."""

    begin: int
    end: int
    expected: Watermarks
    new: Watermarks
    buckets: frozenset[int]
    """Those that it reads, compares and writes: where it has events, or all where it is there to catch up."""
    release: int
    stage: int = Stage.POLLED
    fate: int = Fate.GOOD
    stale: bool = False
    """The source has turned since it was made: its outcome moves nothing."""
    ahead: int = 0
    """How many batches directly before it were not saved when its load began."""
    read: tuple[Shard | None, ...] = ()
    """By bucket what the load found."""
    chain: int = 0
    """How many batches directly before it give it their changes."""
    inherited: Changes = ()
    """The changes of such batches that have left the worker meanwhile."""
    changes: Changes = ()
    flaw: str = ""
    """What is wrong with its lists; it becomes a violation when they are emitted."""
    answers: tuple[Answer | None, ...] = ()
    """By bucket what the save was answered."""


class Worker(NamedTuple):
    """A worker that believes to own the partition."""

    position: int | None = None
    """The next offset to poll; None: it must read the watermarks first."""
    expected: Watermarks = ()
    """The watermarks behind the last batch that was polled."""
    batches: tuple[Batch, ...] = ()
    """Those in flight, oldest first."""
    release: int = 0


class Faults(NamedTuple):
    """How often each fault may still happen."""

    foreign_saves: int = 0
    """Another worker, at any pace, emits and saves."""
    rewinds: int = 0
    """A bucket goes back to what it was before."""
    emptyings: int = 0
    """A bucket, or all of Redis, loses everything."""
    kills: int = 0
    """A worker dies, or gives all its batches up; a successor starts at the watermarks."""
    give_ups: int = 0
    """One batch is given up before it is emitted."""
    lost_answers: int = 0
    """A save was applied and its answer lost: it is sent again."""
    swaps: int = 0
    """A worker goes over to the next release."""


class World(NamedTuple):
    """Everything at one moment."""

    store: tuple[Shard, ...]
    workers: tuple[Worker, ...]
    left: Faults
    past: tuple[frozenset[Shard], ...]
    """By bucket its earlier contents; empty once it can no longer go back."""
    emitted: int = 0
    """A bit for each offset whose list, tombstone or letter was emitted."""
    committed: int = 0
    starts: frozenset[int] = frozenset({0})
    """From where sessions count: the log's begin, and where Redis was refilled from after it lost them."""
    violation: str = ""

    @property
    def marks(self) -> Watermarks:
        """The watermarks in Redis."""
        return tuple(shard.mark for shard in self.store)

    def with_worker(self, number: int, worker: Worker) -> "World":
        """The world after a worker changed."""
        return self._replace(workers=(*self.workers[:number], worker, *self.workers[number + 1 :]))

    def with_shard(self, bucket: int, shard: Shard) -> "World":
        """The world after a bucket was written."""
        store = (*self.store[:bucket], shard, *self.store[bucket + 1 :])
        if not self.left.rewinds:
            return self._replace(store=store)
        past = self.past[bucket] | {self.store[bucket]}
        return self._replace(store=store, past=(*self.past[:bucket], past, *self.past[bucket + 1 :]))
