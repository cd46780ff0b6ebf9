"""`millrace bench freshness`: what retraining more often is worth, hour by hour.

Owns the figures that are made of a replay (`retrain.benches.freshness_replay`). Caller:
`retrain.benches.freshness_commands`.
"""

from collections.abc import Sequence
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from retrain.benches.freshness_records import Hour, PolicyReplay
from retrain.benches.freshness_replay import K
from retrain.evaluation.bootstrap import Bootstrap, metric_intervals
from retrain.evaluation.ranking_metrics import (
    Values,
    accuracy_values,
    difference,
    metric_table,
    mrr_at_k,
    recall_at_k,
)
from schemas.bench_report import Row
from schemas.timestamps import from_epoch_ms


def hour_rows(hours: Sequence[Hour], replays: Sequence[PolicyReplay]) -> list[Row]:
    """A row for each hour and policy."""
    return [
        {
            "hour": hour.number,
            "from": f"{from_epoch_ms(hour.start_ms):%Y-%m-%dT%H:%MZ}",
            "policy": replay.policy.name,
            "recall_at_20": round(recall_at_k(replay.ranks[at], K), 4),
            "mrr_at_20": round(mrr_at_k(replay.ranks[at], K), 4),
            "n": len(hour.prefixes),
            "unknown_target_share": round(replay.unknown[at] / len(hour.prefixes), 4),
        }
        for at, hour in enumerate(hours)
        for replay in replays
    ]


def policy_rows(hours: Sequence[Hour], replays: Sequence[PolicyReplay], bootstrap: Bootstrap) -> list[Row]:
    """A row for each policy over all hours, with its difference from the first one.

    Intervals are of the bootstrap over sessions, paired for the differences.
    """
    session = _sessions(hours)
    values = [accuracy_values([np.concatenate(replay.ranks)], [K]) for replay in replays]
    return [
        _policy_row(replay, own, values[0], session, bootstrap)
        for replay, own in zip(replays, values, strict=True)
    ]


def _policy_row(
    replay: PolicyReplay, own: Values, first: Values, session: NDArray[np.int32], bootstrap: Bootstrap
) -> Row:
    row: Row = {"policy": replay.policy.name}
    gained = difference(own, first)
    for name, metric in (("recall_at_20", "recall"), ("mrr_at_20", "mrr")):
        for what, values in ((name, own), (f"{name}_gain", gained)):
            mean = metric_table(values)[metric][str(K)]
            lower, upper = metric_intervals(values, session, bootstrap)[metric][str(K)]
            row |= {what: round(mean, 4), f"{what}_interval": f"{lower:.4f} to {upper:.4f}"}
    seconds = [made.seconds for made in replay.trainings]
    row |= {
        "unknown_target_share": round(sum(replay.unknown) / len(session), 4),
        "trainings": len(seconds),
        "training_s": round(fmean(seconds), 1) if seconds else 0.0,
        "refused": replay.refused,
        "judged_only": replay.judged_only,
        "n": len(session),
    }
    return row


def _sessions(hours: Sequence[Hour]) -> NDArray[np.int32]:
    """Of each prediction the number of its session, which may reach over several hours."""
    ids = np.concatenate(
        [hour.prefixes.session_ids.to_numpy()[hour.prefixes.session] for hour in hours]
    ).astype(str)
    _, numbers = np.unique(ids, return_inverse=True)
    return numbers.astype(np.int32)
