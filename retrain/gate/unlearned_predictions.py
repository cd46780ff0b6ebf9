"""Which predictions of the slice count: those of events that the incumbent cannot have learned.

The slice has whole sessions; where ids live for weeks, most of one is older than the incumbent, which would
repeat what it has learned. Owns that choice, and what the report says of it. Caller:
`retrain.gate.candidate_gate`.
"""

from datetime import datetime
from typing import NamedTuple

import polars as pl

from models.release import Release
from retrain.evaluation.prefixes import Prefixes, prefixes_of
from retrain.gate.gate_rules import GateRules
from schemas.errors import UsageError
from schemas.timestamps import MAX_TIME_MS, to_epoch_ms

NO_TIME = "its manifest names no last event: what the incumbent has learned may count too"


class CountedPredictions(NamedTuple):
    """What both releases are asked."""

    prefixes: Prefixes | None
    """None: nothing is predicted."""
    newer_than: datetime | None = None
    """Only targets later than this count, the last event that the incumbent has learned."""
    why_all: str = ""
    """Why those count too that it may have learned; empty where they do not, or nothing is compared."""


def counted_predictions(
    events: pl.DataFrame, incumbent: Release | None, rules: GateRules
) -> CountedPredictions:
    """The predictions of the slice whose targets the incumbent has not learned; all where those are too few.

    Args:
        events: the newest slice, in log order.
        incumbent: what the candidate is compared with; None: nothing.
        rules: how many are enough.
    """
    if incumbent is None:
        return CountedPredictions(_prefixes(events))
    last = incumbent.manifest.data.last_event_at
    if last is None:
        return CountedPredictions(_prefixes(events), why_all=NO_TIME)
    unlearned = _prefixes(events, (to_epoch_ms(last) + 1, MAX_TIME_MS))
    found = 0 if unlearned is None else len(unlearned)
    if found >= rules.min_predictions:
        return CountedPredictions(unlearned, newer_than=last)
    why = (
        f"{found} predictions of the slice are later than {last:%Y-%m-%dT%H:%M:%SZ}, the incumbent's last "
        f"event, {rules.min_predictions} are needed: what the incumbent has learned counts too"
    )
    return CountedPredictions(_prefixes(events), why_all=why)


def _prefixes(events: pl.DataFrame, between_ms: tuple[int, int] | None = None) -> Prefixes | None:
    """What is predicted; None where nothing is."""
    try:
        return prefixes_of(events, between_ms)
    except UsageError:
        return None
