"""CycleRecord v1: `cycle.json` of the work folder: how far a retrain cycle is, so that it can go on, as JSON.

Writer and reader: `retrain.cycle.work_folder`.
"""

from datetime import datetime
from typing import Any, Literal, get_args

import msgspec

from schemas.ids import ReleaseId
from schemas.release_manifest import LogRange
from schemas.run_record import RunSource

Step = Literal[
    "window", "incumbent", "train", "judge", "refit", "publish", "announce", "wait", "mark", "watch", "prune"
]
STEPS: tuple[Step, ...] = get_args(Step)
"""In their order."""
Outcome = Literal["running", "refused", "superseded", "unconfirmed", "rolled_back", "failed", "abandoned"]
"""What became of a cycle: its release runs; the gate refused it; another release was announced meanwhile; not
every live worker has reported it in time; it was watched and gone back from; it failed in a way that going on
cannot cure; it was begun anew."""


class CycleRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cycle after its last completed step."""

    cycle_id: str
    trigger: str
    """Why it runs, in words."""
    started_at: datetime
    config: dict[str, Any]
    """The model config."""
    source: RunSource
    since: str | None = None
    """What the command line gave."""
    from_scratch: bool = False
    """Whether it was asked for so."""
    request_ids: list[str] = []
    """The requests that it answers."""
    attempts: int = 1
    """Processes that have worked on it."""
    done: dict[Step, float] = {}
    """The completed steps and their seconds."""
    events: int = 0
    """Rows of the window."""
    ranges: list[LogRange] | msgspec.UnsetType = msgspec.UNSET
    """What was read of the event topics."""
    newest_event_at: datetime | None = None
    incumbent: ReleaseId | None = None
    unreadable_incumbent: ReleaseId | None = None
    """The running release where it cannot be copied whole: neither begun from nor compared with."""
    incumbent_generation: int = 0
    """0 where nothing was announced yet."""
    incumbent_newest_event_at: datetime | None = None
    """The time of the newest event that it was made from, where a cycle has marked it running."""
    warm_start: bool = False
    """Whether the training begins with the incumbent's weights, where they fit."""
    judged_share: float | None = None
    """Share of the sessions, the newest, that is kept for the gate; None: test_share of the config."""
    release_id: ReleaseId | None = None
    """The candidate; behind the step `refit` what came of it."""
    judged: ReleaseId | None = None
    """The candidate that the gate judged, where `release_id` is its refit."""
    why_no_refit: str = ""
    """Why the judged candidate goes on without the pass behind the gate, where it was to have one."""
    metrics: dict[str, float] = {}
    refusals: list[str] = []
    """What the gate says against the candidate."""
    generation: int = 0
    """As which it was announced; 0: not yet."""
    refused_by: dict[str, str] = {}
    """Live workers that can never serve it, and why."""
    late: list[str] = []
    """Live workers that have not reported it in time."""
    outcome: Outcome | None = None
    reason: str = ""
    """The outcome in words."""
    closed: bool = False
    """Whether its outcome was told and its files were removed."""
    schema_version: int = 1


_DECODER = msgspec.json.Decoder(CycleRecord)


def encode_cycle_record(record: CycleRecord) -> bytes:
    """Indented JSON bytes of the record."""
    return msgspec.json.format(msgspec.json.encode(record), indent=2)


def decode_cycle_record(value: bytes) -> CycleRecord:
    """The record from its bytes.

    Raises:
        msgspec.DecodeError: the bytes are no CycleRecord v1.
    """
    return _DECODER.decode(value)
