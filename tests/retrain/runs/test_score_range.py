"""The range of served scores, from a model whose scores are known."""

import numpy as np
import polars as pl

from models.vocabulary import Vocabulary
from retrain.evaluation.next_item_model import ListedItems
from retrain.runs.score_range import SAMPLE_SESSIONS, score_range
from schemas.ids import ItemId


class CountingModel:
    """Scores the two items of the list for the n-th event that it sees n and -n; other places stay empty."""

    name = "counting"
    vocabulary = Vocabulary([ItemId("a"), ItemId("b")])

    def __init__(self) -> None:
        self.seen = pl.DataFrame()

    def lists(self, events: pl.DataFrame, k: int) -> ListedItems:
        self.seen = events
        scores = np.full((len(events), k), -np.inf, dtype=np.float32)
        scores[:, 0] = np.arange(1, len(events) + 1)
        scores[:, 1] = -scores[:, 0]
        return ListedItems(np.full((len(events), k), -1, dtype=np.int32), scores)


def a_log(*session_ids: str) -> pl.DataFrame:
    times = pl.Series([None] * len(session_ids), dtype=pl.Int64)
    return pl.DataFrame(
        {"session_id": session_ids, "item_id": "a", "event_type": "view", "occurred_at_ms": times}
    )


def test_range_is_from_the_lowest_hundredth_to_the_highest() -> None:
    found = score_range(CountingModel(), a_log(*"ab" * 50))
    assert found is not None
    assert (found.p01, found.p99, found.lists) == (-98.01, 98.01, 100)


def test_model_sees_whole_sessions_one_after_the_other_without_missing_times() -> None:
    model = CountingModel()
    score_range(model, a_log("a", "b", "a", "b"))
    assert model.seen["session_id"].to_list() == ["a", "a", "b", "b"]
    assert model.seen["occurred_at_ms"].null_count() == 0


def test_sample_is_the_sessions_that_end_last() -> None:
    model = CountingModel()
    names = [f"s{number}" for number in range(SAMPLE_SESSIONS + 1)]
    score_range(model, a_log(*names, "s0"))
    assert set(model.seen["session_id"]) == {*names} - {"s1"}


def test_no_events_have_no_range() -> None:
    assert score_range(CountingModel(), a_log()) is None
