"""GateRules: what a candidate must keep to; the thresholds, and nothing that is measured.

Owns the defaults; docs/gate.md has the reason of each. Makers: `retrain.settings.GateSettings.gate_rules`
(from `MILLRACE_GATE_*`); tests. Callers: `retrain.gate.candidate_gate` and the modules of its rules.
"""

import msgspec

K = 20
"""The length of the lists that are judged."""


class GateRules(msgspec.Struct, frozen=True, kw_only=True):
    """The thresholds; every field is a setting with the prefix `gate_`."""

    confidence: float = 0.95
    """How sure the gate wants to be that the candidate is not worse than is allowed."""
    recall_loss: float = 0.01
    """Recall@20 that a candidate may lose against the incumbent."""
    mrr_loss: float = 0.01
    """MRR@20 that a candidate may lose against the incumbent."""
    resamples: int = 2000
    """Of the sessions, for the confidence."""
    seed: int = 1
    """Of the resamples and of the sample of queries."""
    min_predictions: int = 500
    """With fewer predictions the lists are not judged."""
    popularity_factor: float = 1.2
    """The candidate's Recall@20 is at least this times that of its popular list; see
    `retrain.gate.quality_rules.popularity_floor`."""
    coverage: float = 0.01
    """Least share of the items that could be shown which the lists do show."""
    coverage_ratio: float = 0.7
    """Least coverage, as a share of the incumbent's."""
    vocabulary_shrink: float = 0.25
    """Share by which the vocabulary may be smaller than the incumbent's."""
    index_recall: float = 0.99
    """Least recall@20 of the index against exact search."""
    index_queries: int = 2000
    """Queries of the slice that the index is judged on, drawn at random."""
    step_us: float = 2000.0
    """Most microseconds that an encoder step of one event may take."""
    batch_step_us: float = 100.0
    """Most microseconds an event that a step of 256 may take."""
    search_us: float = 10_000.0
    """Most microseconds that a search for one event may take."""
    batch_search_us: float = 1000.0
    """Most microseconds an event that a search for 256 may take."""
    score_limit: float = 1e6
    """Greatest absolute score in a list."""
    flat_lists: float = 0.1
    """Greatest share of lists whose items all have the same score."""
    same_lists: float = 0.5
    """Greatest share of lists that are one and the same."""
