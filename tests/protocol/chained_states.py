"""Which watermarks a batch accepts, and from which states it computes: the rules of pipelining.

The model of `streams.batch_chain`. Caller: the batch steps.
"""

from tests.protocol.modelled_log import State
from tests.protocol.protocol_rules import Rules
from tests.protocol.world_state import Batch, Changes, Fate, Stage


def continued(batches: tuple[Batch, ...], at: int, rules: Rules) -> list[Batch]:
    """The unsaved batches before one whose watermarks lead to its own, the nearest first."""
    batch = batches[at]
    found: list[Batch] = []
    begin = batch.expected
    for before in reversed(batches[at - batch.ahead : at]):
        joined = before.new == begin or rules.accepts == "unjoined"
        if not joined:
            break
        found.append(before)
        begin = before.expected
    return found


def accepts(batch: Batch, chain: list[Batch], rules: Rules) -> bool:
    """Whether a batch may go on from what it read."""
    if not rules.load_checks:
        return True
    begins = [one.expected for one in chain]
    if rules.accepts == "own" or not begins:
        begins = [batch.expected]
    elif rules.accepts == "oldest":
        begins = begins[-1:]
    else:
        begins.append(batch.expected)
    return all(
        shard.mark in {marks[bucket] for marks in begins}
        for bucket, shard in enumerate(batch.read)
        if shard is not None and bucket in batch.buckets
    )


def starting_states(batches: tuple[Batch, ...], at: int, rules: Rules) -> dict[str, State | None]:
    """The loaded states of a batch, under the changes of those that it continues."""
    batch = batches[at]
    states: dict[str, State | None] = {}
    for shard in batch.read:
        if shard is not None:  # else the batch has no event of its sessions
            states.update(shard.states)
    if rules.overlays == "nothing":
        return states
    chain = batches[at - batch.chain : at]
    inherited: Changes = batch.inherited
    if rules.overlays == "unjoined too":
        chain = batches[:at]
    elif rules.overlays == "asked again":
        refused = [place for place, before in enumerate(chain) if before.fate == Fate.REFUSED]
        if refused:
            chain, inherited = chain[refused[-1] + 1 :], ()
    for changes in (inherited, *(before.changes for before in chain)):
        kept = [one for one in changes if rules.overlays != "no deletions" or one[1] is not None]
        states.update(kept)
    return states


def inherit(batches: tuple[Batch, ...], rules: Rules) -> tuple[Batch, ...]:
    """The batches after the oldest has left: those that wait for its changes keep them."""
    oldest, *others = batches
    return tuple(_heir(batch, place, oldest, rules) for place, batch in enumerate(others, 1))


def _heir(batch: Batch, place: int, oldest: Batch, rules: Rules) -> Batch:
    """A batch at some place behind the oldest, when that leaves."""
    if oldest.fate == Fate.GIVEN_UP and rules.give_up_spreads and batch.stage <= Stage.COMPUTED:
        return given_up(batch)
    if batch.ahead < place:
        return batch
    batch = batch._replace(ahead=place - 1)
    if batch.chain < place:
        return batch
    drops = rules.overlays == "asked again" and oldest.fate == Fate.REFUSED
    inherited = () if drops else merged(batch.inherited, oldest.changes)
    return batch._replace(chain=place - 1, inherited=inherited)


def given_up(batch: Batch) -> Batch:
    """The batch when nothing more may be done for it."""
    return batch._replace(
        stage=Stage.DONE, fate=Fate.GIVEN_UP, read=(), inherited=(), chain=0, ahead=0, answers=()
    )


def merged(older: Changes, newer: Changes) -> Changes:
    """Changes, the newer ones first in right."""
    return tuple(sorted({**dict(older), **dict(newer)}.items()))
