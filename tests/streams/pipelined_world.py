"""Workers over one store, what happens to them step by step, and the claims that must hold after every step.

Caller: `test_pipelined_protocol`, which says what the claims are.
"""

import copy
from typing import Literal, NamedTuple

from models.release import Release
from schemas.ids import SessionId
from schemas.recommendation_list import decode_recommendation_list
from schemas.redis_keys import bucket_of
from streams.emitter import OutgoingMessage
from streams.memory_session_store import MemorySessionStore
from streams.micro_batch import Watermarks, lowest
from streams.session_store import UnitSave
from tests.streams.drawn_log import SESSIONS, TRACE, USER, Answer, Entry, Folds, records_of
from tests.streams.gated_store import ALL, GatedStore, Gates, Operation, Passage
from tests.streams.pipelined_worker import PARTITION, PipelinedWorker
from tests.virtual_time import until_idle

Kind = Literal[Passage, "all go", "poll", "foreign", "rewind", "starve", "give up", "die"]


class Step(NamedTuple):
    """What happens next."""

    kind: Kind
    worker: int
    number: int
    """Which gate goes, how many events are polled, how far a bucket goes back, what is given up."""


class World:
    """Workers over one store, and what was emitted."""

    def __init__(
        self, release: Release, log: list[Entry], buckets: int, are_open: frozenset[Operation]
    ) -> None:
        self.release = release
        self.folds = Folds(log)
        self.log = log
        self.records = records_of(log)
        self.buckets = [MemorySessionStore() for _ in range(buckets)]
        self.messages: list[OutgoingMessage] = []
        self.workers = [self._a_worker(are_open) for _ in range(2)]
        self.foreign = self._a_worker(ALL)
        self._emitted: set[int] = set()
        self._judged = 0
        self._past: list[tuple[Watermarks, list[dict[str, object]]]] = []

    async def begin(self) -> None:
        """Set the watermarks, as the first worker does before it applies anything."""
        none: Watermarks = (None,) * len(self.buckets)
        store = GatedStore(self.buckets, Gates(ALL))
        await store.save([UnitSave({PARTITION: none}, {PARTITION: (0,) * len(none)})])
        await self.check()

    async def take(self, step: Step) -> None:
        """Let a step happen, and all that follows from it by itself."""
        worker = self.workers[step.worker]
        worker.recommender.is_starving &= step.kind in ("poll", "give up")
        match step.kind:
            case "foreign":
                await self.foreign.poll(1 + step.number)
            case "rewind":
                self._go_back(1 + step.number // 2, step.number % 4)
            case "give up":
                worker.give_up(all_of_them=step.number % 2 == 0)
            case "starve":
                worker.recommender.is_starving = True
                for _ in range(2):  # one batch waits for memory, the other for the one
                    await worker.poll(1 + step.number % 3)
                    await until_idle()
                    worker.gates.let_all_pass()
            case "die":
                worker.die()
                self.workers[step.worker] = self._a_worker(worker.gates.open)
            case "go" | "slow" | "fail" | "lost" if waiting := worker.gates.waiting:
                waiting[step.number % len(waiting)].set_result(step.kind)
            case "all go" if worker.gates.waiting:
                worker.gates.let_all_pass()
            case _:
                await worker.poll(step.number % 4)
        await until_idle()
        await self.check()

    async def finish(self) -> None:
        """P: nothing goes wrong any more."""
        for worker in self.workers:
            worker.recommender.is_starving = False
            worker.gates.open = ALL
            worker.gates.let_all_pass()
        end, turns = (len(self.log),) * len(self.buckets), 0
        while turns == 0 or await self._marks() != end:
            await self.workers[0].poll(2)
            await until_idle()
            await self.check()
            turns += 1
            assert turns < 3 * len(self.log), "P"

    async def check(self) -> None:
        """S, E, D and O."""
        self._judge_messages()
        marks = await self._marks()
        for bucket, (mark, store) in enumerate(zip(marks, self.buckets, strict=True)):
            assert mark is not None
            for session in self._sessions(bucket):
                self._judge_state(store, session, mark)
            low = lowest(marks) or 0
            due = {at for at in range(mark) if at < low or self._is_in(at, bucket)}
            assert due <= self._emitted, f"E: {due - self._emitted} below {mark} of bucket {bucket}"
        assert self._emitted == set(range(len(self._emitted))), f"O: {self._emitted}"
        for worker in [*self.workers, self.foreign]:
            assert worker.failures == []
        if not self._past or marks != self._past[-1][0]:
            self._past.append((marks, [copy.deepcopy(vars(store)) for store in self.buckets]))

    def _judge_messages(self) -> None:
        for message in self.messages[self._judged :]:
            at = int(dict(message.headers)[TRACE])
            right, found = self.folds.answers[at], _answer(message)
            assert found == right, f"D: {found} for {at}, right is {right}"
            self._emitted.add(at)
        self._judged = len(self.messages)

    def _judge_state(self, store: MemorySessionStore, session: SessionId, mark: int) -> None:
        state, latest = store.states.get(session), store.latest.get(session)
        items = [] if state is None else list(state.item_ids)
        right = self.folds.items(session, mark)
        assert items == right, f"S: {session} has {items} at {mark}, right is {right}"
        at = None if latest is None else decode_recommendation_list(latest).source.offset
        assert at == self.folds.latest(session, mark), f"S: latest list of {session} at {mark}"
        assert (session in store.sessions_of.get(USER, set())) == bool(right), f"S: whose {session} is"

    def _a_worker(self, are_open: frozenset[Operation]) -> PipelinedWorker:
        return PipelinedWorker(self.release, self.buckets, self.messages, self.records, Gates(are_open))

    def _go_back(self, how_far: int, which: int) -> None:
        """One bucket, or all of them, are what they were some saves ago."""
        _, past = self._past[max(0, len(self._past) - 1 - how_far)]
        for bucket, store in enumerate(self.buckets):
            if which in (bucket, 3):
                vars(store).update(copy.deepcopy(past[bucket]))

    async def _marks(self) -> Watermarks:
        store = GatedStore(self.buckets, Gates(ALL))
        return (await store.load([PARTITION], ())).watermarks[PARTITION]

    def _sessions(self, bucket: int) -> list[SessionId]:
        return [SessionId(one) for one in SESSIONS if bucket_of(SessionId(one), len(self.buckets)) == bucket]

    def _is_in(self, at: int, bucket: int) -> bool:
        return self.log[at].kind != "letter" and self.log[at].session in self._sessions(bucket)


def _answer(message: OutgoingMessage) -> Answer:
    """What a message says."""
    if message.topic == "dead-letter":
        return Answer("letter", [])
    if message.value is None:
        return Answer("tombstone", [])
    made = decode_recommendation_list(message.value)
    return Answer("list", [item.item_id for item in made.items], made.repeat_of)
