"""What retrain says of its cycles in Redis, as JSON: the one that runs, those that are over, what serves.

Writer: `retrain.cycle.status_board`. Readers: `millrace retrain status`, `retrain.schedule`.
"""

from datetime import datetime

import msgspec

from schemas.ids import ReleaseId
from schemas.retrain_cycle import Outcome, Step


class CycleStatus(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The cycle that runs, or was killed."""

    cycle_id: str
    trigger: str
    started_at: datetime
    step: Step
    step_since: datetime
    holder: str
    """Host, process and work folder."""
    attempt: int = 1
    schema_version: int = 1


class CycleSummary(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A cycle that is over."""

    cycle_id: str
    trigger: str
    started_at: datetime
    ended_at: datetime
    outcome: Outcome
    reason: str = ""
    release_id: ReleaseId | None = None
    judged: ReleaseId | None = None
    """The candidate that the metrics are of, where the release is its refit."""
    incumbent: ReleaseId | None = None
    generation: int = 0
    warm_start: bool = False
    events: int = 0
    seconds: dict[Step, float] = {}
    """Of the completed steps."""
    metrics: dict[str, float] = {}
    refusals: list[str] = []
    refused_by: dict[str, str] = {}
    late: list[str] = []
    request_ids: list[str] = []
    attempts: int = 1
    schema_version: int = 1


class RunningRelease(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The release that workers follow."""

    release_id: ReleaseId
    generation: int
    marked_at: datetime
    """When every live worker had reported it; where no cycle has marked it, when it was announced."""
    cycle_id: str = ""
    """The cycle that has marked it; empty: none, it was announced by hand or by a rollback."""
    newest_event_at: datetime | None = None
    """The time of the newest event that it was made from."""
    schema_version: int = 1
