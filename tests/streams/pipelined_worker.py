"""A worker of one partition with up to three batches in flight: the real processor under a small source.

The source does what `streams.event_source` and `streams.batches_in_flight` do, without Kafka. Caller:
`test_pipelined_protocol`.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence

from models.recommender import Recommended, Recommender, SessionEvent
from models.release import Release
from schemas.ids import SessionId
from schemas.session_state import SessionState
from streams.current_recommender import Served
from streams.emitter import OutgoingMessage
from streams.event_source import IN_FLIGHT
from streams.memory_session_store import MemorySessionStore
from streams.micro_batch import Abandoned, BatchOutcome, BucketMarks, MicroBatch, Record, lowest
from streams.recommend_agent import resolve
from tests.streams.gated_store import ALL, GatedEmitter, GatedStore, Gates
from tests.streams.processors import Workbench
from tests.streams.records import a_partition

PARTITION = a_partition()


class HungryRecommender(Recommender):
    """One that may lack memory; then its batch waits, and those behind it."""

    is_starving = False

    def recommend(
        self, states: Mapping[SessionId, SessionState | None], events: Sequence[SessionEvent]
    ) -> Recommended:
        """See `Recommender.recommend`."""
        if self.is_starving:
            raise MemoryError
        return super().recommend(states, events)


class PipelinedWorker:
    """One that believes to own the partition.

    Attributes:
        gates: where its loads, emissions and saves wait.
        recommender: what it serves.
        setbacks: how many of its batches were refused or given up.
        failures: what its batches ended with, beside being given up: bugs.
    """

    def __init__(
        self,
        release: Release,
        buckets: Sequence[MemorySessionStore],
        emitted: list[OutgoingMessage],
        log: Sequence[Record],
        gates: Gates,
    ) -> None:
        self.gates = gates
        self.setbacks = 0
        self.failures: list[BaseException] = []
        bench = Workbench(release, GatedStore(buckets, gates), GatedEmitter(emitted, gates))
        self.recommender = HungryRecommender(release, k=len(release.vocabulary))
        bench.current.served = Served(self.recommender, 0)
        self._processor = bench.processor
        self._buckets = buckets
        self._log = log
        self._row: deque[MicroBatch] = deque()
        self._tasks: set[asyncio.Task[None]] = set()
        self._at: int | None = None
        self._marks = BucketMarks(())
        self._is_astray = False

    async def poll(self, size: int) -> None:
        """One step of the source: follow what was done, turn back where it must, launch a batch.

        Args:
            size: of the batch; 0 lets idle buckets catch up.
        """
        self._settle()
        if self._at is None or (not self._row and (self._is_astray or self._is_done(self._at))):
            await self._go_to_watermarks()
        if not self._is_astray and len(self._row) < IN_FLIGHT:
            self._launch(size)

    def _is_done(self, at: int) -> bool:
        return at == len(self._log) and not self._marks.lag(at)

    def give_up(self, *, all_of_them: bool) -> None:
        """Give up the batches in flight, as a rebalance does; or the second of them alone."""
        chosen = slice(None) if all_of_them else slice(1, 2)
        for batch in list(self._row)[chosen]:
            batch.abandoned = True
        self._settle()

    def die(self) -> None:
        """Nothing more is done."""
        for task in self._tasks:
            task.cancel()

    def _launch(self, size: int) -> None:
        assert self._at is not None
        records = list(self._log[self._at : self._at + size])
        if not records and not self._marks.lag(self._at):
            return
        outcome: asyncio.Future[BatchOutcome] = asyncio.get_running_loop().create_future()
        self._at += len(records)
        read = {PARTITION: records} if records else {}
        batch = MicroBatch(read, {PARTITION: self._marks}, {PARTITION: self._at}, outcome)
        self._row.append(batch)
        outcome.add_done_callback(self._note)
        task = asyncio.create_task(resolve(batch, self._processor))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def _note(self, outcome: "asyncio.Future[BatchOutcome]") -> None:
        if (error := outcome.exception()) is None:
            refused = bool(outcome.result().refused)
            self.setbacks += refused
            self._is_astray |= refused and self._at is not None
        elif isinstance(error, Abandoned):
            self.setbacks += 1
        else:
            self.failures.append(error)

    def _settle(self) -> None:
        while self._row and (self._row[0].abandoned or self._row[0].outcome.done()):
            oldest = self._row.popleft()
            if oldest.abandoned or oldest.outcome.exception() is not None:
                for batch in self._row:
                    batch.abandoned = True
                self._row.clear()
                self._at, self._is_astray = None, False

    async def _go_to_watermarks(self) -> None:
        loaded = await GatedStore(self._buckets, Gates(ALL)).load([PARTITION], ())
        self._marks, self._is_astray = BucketMarks(loaded.watermarks[PARTITION]), False
        self._at = lowest(self._marks.current)
