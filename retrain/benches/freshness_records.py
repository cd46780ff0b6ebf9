"""What a freshness replay is about and what it leaves: the stretch, its hours, releases, answers.

Owns the records only. Maker: `retrain.benches.freshness_replay`; readers: `retrain.benches.bench_freshness`,
`retrain.benches.freshness_chart`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from retrain.benches.freshness_policies import Policy
from retrain.evaluation.prefixes import Prefixes
from retrain.evaluation.ranking_metrics import Ranks


class Span(NamedTuple):
    """What is replayed."""

    start_ms: int
    """Where the first hour begins; every policy has the same release there."""
    hours: int
    window_h: int
    """Hours before a training that it learns from."""


class Made(NamedTuple):
    """A release and what its making took."""

    folder: Path
    seconds: float
    """From the events in memory to the release."""
    events: int
    until_ms: int
    """What it learned from ends here."""


class Hour(NamedTuple):
    """An hour with something to predict."""

    number: int
    """From 0."""
    start_ms: int
    prefixes: Prefixes


class Answers(NamedTuple):
    """What a release answers of an hour."""

    ranks: Ranks
    known: NDArray[np.bool_]
    """Whether the release knows the target."""


@dataclass
class PolicyReplay:
    """One policy on its way through the hours."""

    policy: Policy
    serving: Made
    ranks: list[NDArray[np.int32]] = field(default_factory=list)
    """Hour by hour."""
    unknown: list[int] = field(default_factory=list)
    """Hour by hour, the targets that the release which served did not know."""
    trainings: list[Made] = field(default_factory=list)
    refused: int = 0
    """Trainings whose candidate the gate refused; the release before serves on."""
    judged_only: int = 0
    """Candidates that serve as they were judged, because their refit failed."""
