"""GateReport v1: what the gate found of a candidate release; part of `manifest.json`.

Writer: `retrain.gate.candidate_gate`. Readers: `millrace releases`, the retrain cycle, whoever asks why a
release was not announced.
"""

from datetime import datetime

import msgspec

from schemas.ids import ReleaseId


class GateRefusal(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that the candidate breaks."""

    rule: str
    figure: float | None
    """What was measured; null where it is no finite number."""
    threshold: float
    """What the figure had to keep to."""
    message: str
    """The same in words, with what to do."""


class HeldRule(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that the candidate keeps."""

    rule: str
    figure: float
    threshold: float


class GateReport(msgspec.Struct, frozen=True, kw_only=True):
    """The outcome of the gate."""

    passed: bool
    """Whether no rule refuses the candidate."""
    refusals: list[GateRefusal]
    """Every rule that it breaks; none where it passed."""
    figures: dict[str, float]
    """Everything finite that was measured, by name; see docs/gate.md."""
    incumbent: ReleaseId | None = None
    """The release that it was compared with; null: there was none."""
    held: list[HeldRule] = []
    """Every rule that it keeps."""
    passed_over: dict[str, str] = {}
    """Every rule that was not applied, and why."""
    newer_than: datetime | msgspec.UnsetType = msgspec.UNSET
    """Only predictions of later events were counted: what the incumbent has learned ends here, and by hand
    what a candidate has learned in a refit."""
    whole_slice: str | msgspec.UnsetType = msgspec.UNSET
    """Why predictions of events that one of them may have learned were counted too, where they were."""
    measured_on: ReleaseId | msgspec.UnsetType = msgspec.UNSET
    """The candidate that this was measured on, before the pass over the slice that made the release of this
    manifest; not there where that is the candidate."""
