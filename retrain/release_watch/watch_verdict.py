"""What is watched, and how a watch ended. Callers: `retrain.release_watch.release_watch`, `retrain.cycle`."""

from typing import Literal, NamedTuple

import msgspec

from schemas.ids import ReleaseId
from schemas.worker_heartbeat import OnlineCounts

WatchOutcome = Literal["kept", "rolled_back", "breached", "superseded", "stopped"]
"""`breached`: it should have been rolled back, and there is nothing to go back to. `superseded`: another
release was announced meanwhile. `stopped`: the watching process was told to stop."""


class WatchedRelease(NamedTuple):
    """What is watched: a release that was announced."""

    release_id: ReleaseId
    generation: int
    previous: ReleaseId | None
    """What ran before it, and is gone back to."""


class WatchVerdict(msgspec.Struct, frozen=True, kw_only=True):
    """How a watch ended, and what was seen."""

    release_id: ReleaseId
    generation: int
    outcome: WatchOutcome
    reason: str
    watched_s: float
    counts: OnlineCounts
    """Of the release, since the watch began."""
    incumbent: OnlineCounts
    """Of the one before it, until then."""
    rolled_back_to: ReleaseId | None = None
    rolled_back_generation: int | None = None
