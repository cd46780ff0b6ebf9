"""What a tuning makes great: metrics of known ranks, and their sum."""

import numpy as np
import pytest

from retrain.tuning.tuning_objective import Term, parse_objective
from schemas.errors import UsageError


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("recall@20", (Term("recall", 20),)),
        ("0.5*recall@20 + 2*mrr@5", (Term("recall", 20, 0.5), Term("mrr", 5, 2))),
    ],
)
def test_metric_or_weighted_sum_is_read(text: str, terms: tuple[Term, ...]) -> None:
    assert parse_objective(text).terms == terms


@pytest.mark.parametrize("text", ["", "recall", "recall@0", "hits@20", "-1*mrr@5", "recall@20+"])
def test_anything_else_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match=r"give recall@20, .* or a sum such as 0\.5\*recall@20"):
        parse_objective(text)


def test_value_is_the_weighted_sum_of_the_metrics() -> None:
    objective = parse_objective("0.5*recall@2+2*mrr@4")
    figures = objective.figures(np.array([1, 0, 4, 2]))
    assert objective.cutoff == 4
    assert (figures["recall@2"], figures["mrr@4"]) == (0.5, (1 + 0.25 + 0.5) / 4)
    assert {"recall@4", "mrr@2", "ndcg@2", "ndcg@4"} <= figures.keys()
    assert objective.value(figures) == 0.25 + 2 * 1.75 / 4
