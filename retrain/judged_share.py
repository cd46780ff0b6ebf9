"""The share of the newest sessions on which a cycle's candidate is judged beside the release that runs.

The running release has learned everything up to some moment. A candidate that were held back behind that
moment would be older than what it is compared with, and refused for its age; one that begins just there has
nothing to show. Owns where between the two the cut lies. Callers: the cycle, `bench freshness`.
"""

import polars as pl

_OF_WHAT_IS_NEW = 0.5
"""The rest of the sessions that go on behind what the incumbent has learned is learned by the candidate, so
that it knows later events; less of it where this part is too little to judge on."""


def judged_share(
    log: pl.DataFrame, test_share: float, learned_until_ms: int | None, min_predictions: int
) -> float:
    """The share of the sessions, those that end last, that is kept for the gate.

    Args:
        log: the window, in log order.
        test_share: the most that is kept, and what is where nothing runs or too little is new.
        learned_until_ms: see `retrain.learned_until`, of the incumbent; None: nothing runs, or it is
            not known.
        min_predictions: so many predictions of later events are enough.
    """
    if learned_until_ms is None:
        return test_share
    later = pl.col("occurred_at_ms") > learned_until_ms
    follows = ~pl.col("session_id").is_first_distinct()
    newest_first = log.select("session_id", found=follows & later).reverse()
    by_session = newest_first.group_by("session_id", maintain_order=True).agg(pl.col("found").sum())
    found = by_session["found"].cum_sum()  # in the session that ends last, in the last two, ...
    enough = 1 + int((found < min_predictions).sum())
    new = log.filter(later)["session_id"].n_unique()
    return min(test_share, max(_OF_WHAT_IS_NEW * new, enough) / max(1, len(found)))
