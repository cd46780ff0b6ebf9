"""The cut of a cycle's window: behind what the incumbent has learned, with something new on both sides."""

import polars as pl
import pytest

from retrain.event_split import test_events as slice_of
from retrain.event_split import train_events
from retrain.judged_share import judged_share


def a_window(sessions: int = 100) -> pl.DataFrame:
    """Session n has its events at n and n + 0.5 seconds."""
    rows = [(f"s{n}", "view", "a", 1000 * n + at) for n in range(sessions) for at in (0, 500)]
    columns = ["session_id", "event_type", "item_id", "occurred_at_ms"]
    return pl.DataFrame(rows, schema=columns, orient="row")


@pytest.mark.parametrize(
    ("learned_until_ms", "min_predictions", "expected"),
    [
        (None, 1, 0.1),  # nothing runs
        (91_500, 1, 0.04),  # of eight new sessions the newest half
        (91_500, 5, 0.05),  # four are too few: the least that are enough
        (91_500, 8, 0.08),  # no fewer are enough than all
        (91_500, 9, 0.1),  # all of them are too few
        (20_000, 1, 0.1),  # half of them are more than is asked for
        (99_500, 1, 0.1),  # nothing is new
    ],
)
def test_share_is_half_of_what_is_new_or_the_least_that_is_enough(
    learned_until_ms: int | None, min_predictions: int, expected: float
) -> None:
    assert judged_share(a_window(), 0.1, learned_until_ms, min_predictions) == expected


def test_both_parts_have_later_events_than_the_incumbent() -> None:
    share = judged_share(a_window(), 0.1, 91_500, 1)
    assert train_events(a_window(), share)["occurred_at_ms"].max() == 95_500
    assert slice_of(a_window(), share)["occurred_at_ms"].min() == 96_000


def test_window_without_times_keeps_the_share() -> None:
    timeless = a_window().with_columns(occurred_at_ms=pl.lit(None, dtype=pl.Int64))
    assert judged_share(timeless, 0.1, 91_500, 1) == 0.1
