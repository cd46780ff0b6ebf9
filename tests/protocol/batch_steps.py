"""What a worker does with its batches: read, check, compute, emit, save, each step in the batches' order.

Every function yields the worlds that one step may lead to, with what happened in words. Caller: `explorer`.
"""

from collections.abc import Iterator

from streams.micro_batch import highest
from tests.protocol.chained_states import accepts, continued, given_up, starting_states
from tests.protocol.modelled_log import Content, Log, State, right_content
from tests.protocol.protocol_rules import Rules
from tests.protocol.world_state import Answer, Batch, Changes, Fate, Shard, Stage, World

Step = tuple[str, World]


class BatchSteps:
    """The steps of batches under some rules over some log."""

    def __init__(self, log: Log, rules: Rules, *, computes_at_once: bool = True) -> None:
        """Bind the rules.

        Args:
            log: what the batches hold.
            rules: the protocol.
            computes_at_once: whether a batch is computed in the moment in which it has passed its check.
                Nothing but a batch that is given up, or asks again, can tell the difference.
        """
        self._log = log
        self._rules = rules
        self._computes_at_once = computes_at_once

    def of_worker(self, world: World, number: int) -> Iterator[Step]:
        """Every next step of every batch of a worker."""
        reached: int = Stage.DONE
        for at, batch in enumerate(world.workers[number].batches):
            yield from self._of_batch(world, number, at, batch, reached)
            reached = min(reached, batch.stage)

    def _of_batch(self, world: World, number: int, at: int, batch: Batch, reached: int) -> Iterator[Step]:
        """The next steps of a batch, where those before it have reached a stage."""
        name = f"worker {number} batch [{batch.begin}, {batch.end})"
        if batch.stage <= Stage.READING and reached >= Stage.CHECKED:
            yield from self._read(world, number, at, name)
        elif batch.stage == Stage.CHECKED and reached >= Stage.COMPUTED:
            yield self._compute(world, number, at, name)
        elif batch.stage == Stage.COMPUTED and self._rules.emits_first:
            if reached >= Stage.EMITTED or not self._rules.emits_in_order:
                yield self._emit(world, number, at, name)
        elif Stage.COMPUTED <= batch.stage <= Stage.SAVING and (
            reached >= Stage.DONE or not self._rules.saves_in_order
        ):
            yield from self._save(world, number, at, name)

    def _read(self, world: World, number: int, at: int, name: str) -> Iterator[Step]:
        """Watermark and states of a bucket in one read; after the last one, the check."""
        worker = world.workers[number]
        batch = worker.batches[at]
        if batch.stage == Stage.POLLED:
            ahead = sum(one.stage != Stage.DONE for one in worker.batches[:at])
            batch = batch._replace(stage=Stage.READING, ahead=ahead, read=(None,) * len(world.store))
        for bucket in [bucket for bucket in batch.buckets if batch.read[bucket] is None]:
            read = (*batch.read[:bucket], world.store[bucket], *batch.read[bucket + 1 :])
            after = batch._replace(read=read)
            if all(read[bucket] is not None for bucket in batch.buckets):
                after = self._checked((*worker.batches[:at], after), at)
            said, then = f"{name} reads bucket {bucket}", _put(world, number, at, after)
            if self._computes_at_once and after.stage == Stage.CHECKED:
                _, then = self._compute(then, number, at, name)
            yield said, then

    def _checked(self, batches: tuple[Batch, ...], at: int) -> Batch:
        if self._rules.notes_ahead == "after load":
            ahead = sum(one.stage != Stage.DONE for one in batches[:at])
            batches = (*batches[:at], batches[at]._replace(ahead=ahead))
        chain = continued(batches, at, self._rules)
        batch = batches[at]._replace(stage=Stage.CHECKED, chain=len(chain))
        behind_refused = batch.stale or any(
            one.fate == Fate.REFUSED and not one.stale for one in batches[:at]
        )
        if accepts(batch, chain, self._rules) and not (behind_refused and self._rules.refusal_spreads):
            return batch
        return batch._replace(stage=Stage.DONE, fate=Fate.REFUSED, chain=0, read=())

    def _compute(self, world: World, number: int, at: int, name: str) -> Step:
        """Advance the sessions from the states that the batch starts from; in a thread, in no time."""
        batches = world.workers[number].batches
        batch = batches[at]
        if self._rules.give_up_spreads and any(
            one.fate == Fate.GIVEN_UP for one in batches[at - batch.ahead : at]
        ):
            return f"{name} is given up too", _put(world, number, at, given_up(batch))
        states = starting_states(batches, at, self._rules)
        changes, flaw = self._folded(batch, states, world.starts)
        after = batch._replace(
            stage=Stage.COMPUTED, read=(), inherited=(), chain=0, ahead=0, changes=changes, flaw=flaw
        )
        return f"{name} computes", _put(world, number, at, after)

    def _folded(
        self, batch: Batch, states: dict[str, State | None], starts: frozenset[int]
    ) -> tuple[Changes, str]:
        changed: dict[str, State | None] = {}
        flaw = ""
        for offset in self._in_order(batch):
            entry = self._log.entries[offset]
            after, content = self._log.advance(
                states.get(entry.session),
                offset,
                batch.release,
                replays=self._rules.replays_releases,
                knows_ids=self._rules.knows_ids,
            )
            if after != states.get(entry.session):
                states[entry.session] = changed[entry.session] = after
            flaw = flaw or self._flaw(offset, content, batch.release, starts)
        return tuple(sorted(changed.items())), flaw

    def _in_order(self, batch: Batch) -> list[int]:
        offsets = [offset for offset in range(batch.begin, batch.end) if self._is_due(batch, offset)]
        if not self._rules.erases_in_order:
            offsets.sort(key=lambda offset: self._log.entries[offset].kind == "erase")
        return offsets

    def _is_due(self, batch: Batch, offset: int) -> bool:
        """The model of `ChainedBatch.due`."""
        bucket = self._log.bucket(offset)
        mark = highest(batch.expected) if bucket is None else batch.expected[bucket]
        return mark is None or not self._rules.skips_applied or offset >= mark

    def _flaw(self, offset: int, content: Content, release: int, starts: frozenset[int]) -> str:
        """What is wrong with what a message gets; nothing where it is the fold from one of the starts."""
        if any(content == right_content(self._log, start, offset, release) for start in starts):
            return ""
        return f"D: event {offset} gets {content} under release {release}"

    def _emit(self, world: World, number: int, at: int, name: str) -> Step:
        *before, batch = world.workers[number].batches[: at + 1]
        if self._rules.give_up_spreads and any(one.fate == Fate.GIVEN_UP for one in before):
            return f"{name} is given up too", _put(world, number, at, given_up(batch))
        return f"{name} emits", self._emitted(world, number, at, Stage.EMITTED)

    def _emitted(self, world: World, number: int, at: int, stage: int) -> World:
        batch = world.workers[number].batches[at]
        due = sum(1 << offset for offset in range(batch.begin, batch.end) if self._is_due(batch, offset))
        world = _put(world, number, at, batch._replace(stage=stage, flaw=""))
        return world._replace(emitted=world.emitted | due, violation=world.violation or batch.flaw)

    def _save(self, world: World, number: int, at: int, name: str) -> Iterator[Step]:
        """One compare-and-set a bucket, in any order; the answer follows later."""
        batch = world.workers[number].batches[at]
        if batch.stage != Stage.SAVING:
            batch = batch._replace(stage=Stage.SAVING, answers=(None,) * len(world.store))
        unanswered = [bucket for bucket in batch.buckets if batch.answers[bucket] is None]
        if not unanswered:
            yield from self._answered(world, number, at, name)
        for bucket in unanswered:
            shard = world.store[bucket]
            answer = Answer(shard.mark == batch.expected[bucket] or not self._compares(batch), shard.mark)
            answers = (*batch.answers[:bucket], answer, *batch.answers[bucket + 1 :])
            after = _put(world, number, at, batch._replace(answers=answers))
            if answer.applied:
                after = after.with_shard(bucket, self._written(shard, batch, bucket))
            said = "saves to" if answer.applied else f"is refused by mark {shard.mark} of"
            yield f"{name} {said} bucket {bucket}", after

    def _compares(self, batch: Batch) -> bool:
        blind = batch.begin == batch.end and self._rules.catches_up == "blindly"
        return self._rules.save_checks and not blind

    def _written(self, shard: Shard, batch: Batch, bucket: int) -> Shard:
        states: dict[str, State | None] = dict(shard.states)
        states.update(one for one in batch.changes if one[0] in self._log.sessions(bucket))
        kept = sorted((session, state) for session, state in states.items() if state is not None)
        return Shard(batch.new[bucket], tuple(kept))

    def _answered(self, world: World, number: int, at: int, name: str) -> Iterator[Step]:
        """The answers arrive: applied, refused, or lost and asked for again."""
        batch = world.workers[number].batches[at]
        stands = tuple(
            batch.new[bucket] if answer is None or answer.applied else answer.stored
            for bucket, answer in enumerate(batch.answers)
        )
        applied = stands == batch.new
        fate = Fate.GOOD if applied else Fate.REFUSED
        if self._rules.emits_first:
            after = _put(world, number, at, batch._replace(stage=Stage.DONE, fate=fate, answers=()))
        else:
            after = self._emitted(world, number, at, Stage.DONE)
        yield f"{name} is {'saved' if applied else 'refused'}", after
        if world.left.lost_answers:
            again = _put(world, number, at, batch._replace(answers=(None,) * len(batch.answers)))
            left = world.left._replace(lost_answers=world.left.lost_answers - 1)
            yield f"{name}: the answer to its save is lost", again._replace(left=left)


def _put(world: World, number: int, at: int, batch: Batch) -> World:
    worker = world.workers[number]
    batches = (*worker.batches[:at], batch, *worker.batches[at + 1 :])
    return world.with_worker(number, worker._replace(batches=batches))
