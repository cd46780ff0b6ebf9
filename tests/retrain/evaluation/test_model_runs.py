"""What is asked of a model that it cannot do is refused; ranks among all items replace those in the list."""

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from retrain.evaluation.model_runs import EvaluationPlan, answered
from retrain.evaluation.prefixes import prefixes_of
from schemas.errors import UsageError
from tests.retrain.evaluation.listing_models import TheSameList, events_of

PREFIXES = prefixes_of(events_of({"s": "abz", "t": "bc", "u": "cab"}))
"""Targets: b z, c, a b."""


class ScoredAlike(TheSameList):
    """All items but the first have one score."""

    def all_scores(self, events: pl.DataFrame) -> NDArray[np.float32]:
        scores = np.ones((len(events), len(self.vocabulary)), dtype=np.float32)
        scores[:, 0] = 2
        return scores


def test_ranks_among_all_items_take_the_place_of_those_in_the_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("retrain.evaluation.all_item_ranks._MAX_SCORES", 4)  # a batch a session
    model, done = ScoredAlike("abcd", "ab"), list[tuple[int, int]]()
    plan = EvaluationPlan(cutoffs=[2], ties="conservative")
    predictions = answered(model, PREFIXES, plan, lambda *at: done.append(at))
    assert predictions.ranks.tolist() == [4, 0, 4, 1, 4]
    assert predictions.listed_rows.tolist() == [[0, 1]] * 5
    assert done == [(2, 5), (3, 5), (5, 5)]
    served = answered(model, PREFIXES, EvaluationPlan(cutoffs=[2]), lambda *_: None)
    assert served.ranks.tolist() == [2, 0, 0, 1, 2]


def test_model_that_gives_lists_only_cannot_be_ranked_among_all_items() -> None:
    plan = EvaluationPlan(cutoffs=[2], ties="standard")
    with pytest.raises(UsageError, match="--all-items: the same list gives lists only"):
        answered(TheSameList("abcd", "ab"), PREFIXES, plan, lambda *_: None)
