"""Ranks among the scores of all items, under a stated policy for ties.

Published figures rank the target among all items by score alone, so what a tie is worth must be said: a model
that gives all items one score has recall 1 under `standard` and 0 under `conservative` (McSherry & Najork
2008, "Computing information retrieval performance measures efficiently in the presence of tied scores"). The
served path has no such choice: it ranks by (score, row). Callers: `retrain.evaluation.model_runs`.
"""

from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from models.vocabulary import UNKNOWN
from retrain.evaluation.next_item_model import ScoresAllItems
from retrain.evaluation.predictions import Progress
from retrain.evaluation.prefixes import Prefixes

Ties = Literal["standard", "conservative", "median"]
TIES: tuple[str, ...] = get_args(Ties)
_MAX_SCORES = 1 << 24
"""Scores held at once (64 MiB), but for a session that is longer."""


def rank_among_all(
    scores: NDArray[np.float32], target_rows: NDArray[np.int32], ties: Ties
) -> NDArray[np.float32]:
    """The rank of each target.

    Args:
        scores: float32 [n, items], no NaN.
        target_rows: int32 [n]; negative where the target is not known: rank 0.
        ties: `standard`: 1 + items with a greater score; `conservative`: 1 + other items with a greater or
            equal one; `median`: the middle of the two.
    """
    own = scores[np.arange(len(scores)), np.maximum(target_rows, 0)][:, None]
    greater = np.count_nonzero(scores > own, axis=1)
    equal = np.count_nonzero(scores == own, axis=1) - 1
    share = {"standard": 0.0, "median": 0.5, "conservative": 1.0}[ties]
    ranks = 1 + greater + share * equal
    return np.where(target_rows == UNKNOWN, 0, ranks).astype(np.float32)


def all_item_ranks(
    model: ScoresAllItems,
    prefixes: Prefixes,
    target_rows: NDArray[np.int32],
    ties: Ties,
    progress: Progress = lambda _done, _total: None,
) -> NDArray[np.float32]:
    """The rank of the target of each prefix among all items.

    Args:
        model: what scores.
        prefixes: what to predict.
        target_rows: int32 [n], in the model's vocabulary.
        ties: see `rank_among_all`.
        progress: see `retrain.evaluation.predictions.Progress`.
    """
    ranks = np.empty(len(prefixes), dtype=np.float32)
    done = 0
    items = int(model.all_scores(prefixes.events[:1]).shape[1])
    for part in prefixes.batches(max(1, _MAX_SCORES // items)):
        scores = model.all_scores(prefixes.events[part])[prefixes.predicted[part]]
        inside = slice(done, done + len(scores))
        ranks[inside] = rank_among_all(scores, target_rows[inside], ties)
        done = inside.stop
        progress(part.stop, len(prefixes.events))
    return ranks
