"""What must hold in every world that can be reached. Caller: `explorer`.

  S  every stored state is the fold of exactly its session's events below its bucket's watermark, and its
     encoder state is of one release;
  E  whatever lies below its bucket's watermark was emitted (a message without a session: below any);
  D  whatever was emitted is what the fold up to that event gives under the release that it names;
  O  events are emitted in log order for the first time;
  R  while no fault has happened, nothing is refused.

Where Redis lost everything, sessions count from one of the offsets that it was refilled from: the fold of S
and D is the fold from one of these. D is judged as batches compute (`batch_steps`). P, progress, is the
explorer's: from every world worker 0 reaches the end of the log when nothing else happens any more.
"""

from streams.micro_batch import highest
from tests.protocol.modelled_log import Log, fold
from tests.protocol.world_state import Fate, Faults, Shard, World


def violation(world: World, log: Log, at_first: Faults) -> str:
    """What does not hold, in words; nothing where all does.

    Args:
        world: to judge.
        log: what was to be processed.
        at_first: the faults that could happen at the beginning.
    """
    if world.violation:
        return world.violation
    for bucket, shard in enumerate(world.store):
        if problem := _wrong_state(shard, bucket, log, world.starts) or _unemitted(world, bucket, log):
            return problem
    if world.emitted & (world.emitted + 1):
        return f"O: emitted {_offsets(world.emitted)}, not in log order"
    alone = world.left == at_first and len(world.workers) == 1
    if alone and any(batch.fate == Fate.REFUSED for batch in world.workers[0].batches):
        return "R: a batch is refused, and no fault has happened"
    return ""


def _wrong_state(shard: Shard, bucket: int, log: Log, starts: frozenset[int]) -> str:
    mark = shard.mark or 0
    states = dict(shard.states)
    for session in log.sessions(bucket):
        state = states.get(session)
        offsets, steps = state if state is not None else ((), ())
        if not any(offsets == fold(log, session, start, mark) for start in starts):
            return f"S: the state of {session} is {offsets} at watermark {mark}"
        if len(set(steps)) > 1:
            return f"S: the encoder state of {session} has steps of the releases {steps}"
    return ""


def _unemitted(world: World, bucket: int, log: Log) -> str:
    high = highest(world.marks) or 0
    for offset in range(high):
        mark = high if log.bucket(offset) is None else (world.store[bucket].mark or 0)
        due = log.bucket(offset) in (None, bucket) and offset < mark
        if due and not world.emitted >> offset & 1:
            return f"E: nothing was emitted for {offset}, below watermark {mark}"
    return ""


def _offsets(mask: int) -> list[int]:
    return [offset for offset in range(mask.bit_length()) if mask >> offset & 1]
