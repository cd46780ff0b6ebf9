"""The rules of the protocol, each a switch, so that a variant that lacks one can be explored.

As they stand, the defaults are the protocol of `streams`. Callers: the steps; the tests, which break them.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class Rules:
    """The protocol as designed, unless told otherwise."""

    load_checks: bool = True
    """The load compares the watermarks, and emits nothing where they are not accepted."""
    accepts: Literal["chain", "own", "oldest", "unjoined"] = "chain"
    """Which watermarks a load accepts: those where the batch, or one that it continues, begins."""
    overlays: Literal["chain", "nothing", "unjoined too", "asked again", "no deletions"] = "chain"
    """Which unsaved changes a batch lays over the loaded states: those of the batches that it continues."""
    notes_ahead: Literal["before load", "after load"] = "before load"
    """When a batch notes which ones before it are not saved."""
    save_checks: bool = True
    """The save compares the watermarks."""
    emits_first: bool = True
    """The save comes after the emission."""
    emits_in_order: bool = True
    saves_in_order: bool = True
    skips_applied: bool = True
    """Events below the watermark of their own bucket are not applied again."""
    ahead_stays: bool = True
    """A bucket that is ahead of the others keeps its watermark."""
    idle_stay: bool = True
    """The watermark of a bucket without events in a batch is expected where it was."""
    catches_up: Literal["compared", "blindly"] = "compared"
    """How idle buckets are moved to the position: by a batch without events, checked as any other."""
    refusal_spreads: bool = True
    """Behind a batch that was refused all are refused, until the watermarks are read again."""
    give_up_spreads: bool = True
    """Behind a batch that was given up nothing more is emitted, whether or not its states are needed."""
    turns_when_idle: bool = True
    """After a refusal nothing is polled before all batches in flight are done and the watermarks are read."""
    commits_saved: bool = True
    """What is committed to Kafka is saved; without it, it is only polled."""
    replays_releases: bool = True
    """A state of another release is rebuilt from its items."""
    knows_ids: bool = True
    """An event whose id the session holds makes no step."""
    erases_in_order: bool = True
    """Erase events take their place among the others; without it, a batch deletes last."""


DESIGNED = Rules()
