"""Which predictions of the slice count: those of events that neither the incumbent nor a refit has learned.

The slice has whole sessions; where ids live for weeks, most of one is older than the incumbent, which would
repeat what it has learned. Owns that choice, and what the report says of it. Caller:
`retrain.gate.candidate_gate`.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

import polars as pl

from retrain.evaluation.prefixes import Prefixes, prefixes_of
from retrain.gate.gate_rules import GateRules
from retrain.learned_until import learned_until
from schemas.errors import UsageError
from schemas.release_manifest import ReleaseManifest
from schemas.timestamps import MAX_TIME_MS, from_epoch_ms


class CountedPredictions(NamedTuple):
    """What both releases are asked."""

    prefixes: Prefixes | None
    """None: nothing is predicted."""
    newer_than: datetime | None = None
    """Only targets later than this count; what is learned ends there."""
    why_all: str = ""
    """Why those count too that may have been learned; empty where they do not, or nobody can have."""


def counted_predictions(
    events: pl.DataFrame, learners: Mapping[str, ReleaseManifest], rules: GateRules
) -> CountedPredictions:
    """The predictions of the slice whose targets nobody has learned; all where those are too few.

    Args:
        events: the newest slice, in log order.
        learners: the releases that may have learned of it, by what they are to the gate (`candidate`).
        rules: how many are enough.
    """
    if not learners:
        return CountedPredictions(_prefixes(events))
    too = f"what the {' and the '.join(learners)} learned counts too"
    ends = [learned_until(manifest) for manifest in learners.values()]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends):
        return CountedPredictions(_prefixes(events), why_all=f"a manifest names no last event: {too}")
    last_ms = max(known)
    unlearned = _prefixes(events, (last_ms + 1, MAX_TIME_MS))
    found = 0 if unlearned is None else len(unlearned)
    last = from_epoch_ms(last_ms)
    if found >= rules.min_predictions:
        return CountedPredictions(unlearned, newer_than=last)
    why = (
        f"{found} predictions of the slice are later than {last:%Y-%m-%dT%H:%M:%SZ}, where what is learned "
        f"ends, {rules.min_predictions} are needed: {too}"
    )
    return CountedPredictions(_prefixes(events), why_all=why)


def _prefixes(events: pl.DataFrame, between_ms: tuple[int, int] | None = None) -> Prefixes | None:
    """What is predicted; None where nothing is."""
    try:
        return prefixes_of(events, between_ms)
    except UsageError:
        return None
