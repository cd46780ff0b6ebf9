"""The range of the scores that a release serves, over a sample of sessions: what to expect of it in service.

Caller: `retrain.runs.recorded_training`.
"""

import numpy as np
import polars as pl

from retrain.evaluation.next_item_model import NextItemModel
from retrain.evaluation.prefixes import times_without_gaps
from schemas.run_record import ScoreRange

SAMPLE_SESSIONS = 1000
"""The last ones; enough for percentiles, and a second's work."""
K = 20


def score_range(model: NextItemModel, events: pl.DataFrame) -> ScoreRange | None:
    """The 1st and 99th percentile of the scores in the lists of the last sessions.

    Args:
        model: the release, as it serves.
        events: in log order, of the part for validation, or else that for training; never of the test part.

    Returns:
        None without events.
    """
    if events.is_empty():
        return None
    last = events.unique("session_id", keep="last", maintain_order=True)["session_id"].tail(SAMPLE_SESSIONS)
    others = [name for name in events.columns if name != "session_id"]
    whole = (
        events.filter(pl.col("session_id").is_in(last.implode()))
        .with_columns(times_without_gaps())
        .group_by("session_id", maintain_order=True)
        .agg(others)
        .explode(others)
    )
    scores = model.lists(whole, K).scores
    served = scores[np.isfinite(scores)].astype(np.float64)
    low, high = np.percentile(served, [1, 99])
    return ScoreRange(p01=round(float(low), 6), p99=round(float(high), 6), lists=len(whole))
