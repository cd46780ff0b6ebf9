"""Protocols that lack one rule, each with the bounds in which its fault shows and the claim that it breaks.

Callers: the tests, which hold the explorer to finding each.
"""

from typing import NamedTuple

from tests.protocol.protocol_rules import Rules


class Broken(NamedTuple):
    """One protocol that does not hold."""

    rules: Rules
    bounds: str
    """The name in `bounded_worlds.BOUNDS`."""
    breaks: str
    """The letter of the claim in `invariants`, P for progress."""


BROKEN: dict[str, Broken] = {
    "the load does not compare": Broken(Rules(load_checks=False), "rewinds", "D"),
    "the save does not compare": Broken(Rules(save_checks=False), "three in flight", "S"),
    "the save comes first": Broken(Rules(emits_first=False), "three in flight", "E"),
    "unsaved changes are not seen": Broken(Rules(overlays="nothing"), "three in flight", "D"),
    "changes of batches that do not join are kept": Broken(
        Rules(overlays="unjoined too", turns_when_idle=False), "refusals", "D"
    ),
    "a batch goes on from one that was refused": Broken(Rules(refusal_spreads=False), "refusals", "D"),
    "what a batch continues is asked again": Broken(Rules(overlays="asked again"), "given up", "D"),
    "unsaved deletions are not seen": Broken(Rules(overlays="no deletions"), "every kind of event", "D"),
    "batches need not join": Broken(Rules(accepts="unjoined", turns_when_idle=False), "refusals", "D"),
    "a batch goes on without one that was given up": Broken(Rules(give_up_spreads=False), "given up", "D"),
    "a batch of other buckets overtakes one that was given up": Broken(
        Rules(give_up_spreads=False), "given up, idle buckets", "O"
    ),
    "applied events are not skipped": Broken(Rules(skips_applied=False), "two buckets", "D"),
    "a refill applies again what other buckets hold": Broken(
        Rules(skips_applied=False), "a bucket emptied", "D"
    ),
    "a bucket ahead is set back": Broken(Rules(ahead_stays=False), "two buckets", "S"),
    "idle buckets are expected to have moved": Broken(Rules(idle_stay=False), "idle buckets", "R"),
    "idle buckets catch up unseen": Broken(Rules(catches_up="blindly"), "idle buckets", "S"),
    "a batch of other buckets overtakes a refused one": Broken(
        Rules(refusal_spreads=False), "idle buckets", "O"
    ),
    "a refill sets back the other buckets": Broken(Rules(ahead_stays=False), "a bucket emptied", "S"),
    "polled offsets are committed": Broken(Rules(commits_saved=False), "Redis emptied", "E"),
    "states of other releases are not replayed": Broken(
        Rules(replays_releases=False), "every kind of event", "D"
    ),
    "repeats are steps": Broken(Rules(knows_ids=False), "every kind of event", "D"),
    "erasures come last in a batch": Broken(Rules(erases_in_order=False), "every kind of event", "D"),
    "batches are emitted as they come": Broken(Rules(emits_in_order=False), "three in flight", "O"),
    "batches are saved as they come": Broken(Rules(saves_in_order=False), "three in flight", "R"),
    "what is ahead is noted after the load": Broken(Rules(notes_ahead="after load"), "two buckets", "R"),
    "only a batch's own mark is accepted": Broken(Rules(accepts="own"), "three in flight", "R"),
    "only the oldest unsaved mark is accepted": Broken(Rules(accepts="oldest"), "three in flight", "R"),
}
