"""The share of the newest sessions on which a cycle's candidate is judged beside the release that runs.

The running release has learned everything up to its own last event. A candidate that were held back behind
that moment would be older than what it is compared with, and refused for its age; one that begins just there
has nothing to show. Owns where between the two the cut lies. Callers: the cycle, `bench freshness`.
"""

import polars as pl

from retrain.event_split import test_events

_SHARES_OF_NEW = (0.5, 1.0)
"""Of the sessions that go on behind the incumbent's last event: half of them, so that the candidate knows
later events than the incumbent; all, where half is too little to judge on."""


def judged_share(
    log: pl.DataFrame, test_share: float, learned_until_ms: int | None, min_predictions: int
) -> float:
    """The share of the sessions, those that end last, that is kept for the gate.

    Args:
        log: the window, in log order.
        test_share: the most that is kept, and what is where nothing runs or too little is new.
        learned_until_ms: the last event that the incumbent has learned; None: nothing runs, or it is not
            known.
        min_predictions: so many predictions of later events are enough.
    """
    if learned_until_ms is None:
        return test_share
    later = pl.col("occurred_at_ms") > learned_until_ms
    follows = ~pl.col("session_id").is_first_distinct()
    new = log.filter(later)["session_id"].n_unique() / max(1, log["session_id"].n_unique())
    for part in _SHARES_OF_NEW:
        share = min(test_share, part * new)
        if len(test_events(log, share).filter(follows & later)) >= min_predictions:
            return share
    return test_share
