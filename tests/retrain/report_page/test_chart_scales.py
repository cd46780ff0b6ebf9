"""Ticks are round and cover what is drawn; labels keep apart."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.report_page.chart_scales import (
    compact,
    nice_ticks,
    plain_text,
    spread,
    tick_texts,
    utc_text,
)


@pytest.mark.parametrize(
    ("low", "high", "texts"),
    [
        (0, 0.7063, ["0.0", "0.2", "0.4", "0.6", "0.8"]),
        (0, 0.97, ["0.00", "0.25", "0.50", "0.75", "1.00"]),
        (3.75, 5.12, ["3.5", "4.0", "4.5", "5.0", "5.5"]),
        (0, 44_000, ["0", "20k", "40k", "60k"]),
        (2, 2, ["1.50", "1.75", "2.00", "2.25", "2.50"]),
    ],
)
def test_ticks_are_round_numbers(low: float, high: float, texts: list[str]) -> None:
    assert tick_texts(nice_ticks(low, high)) == texts


@given(st.floats(-1e6, 1e6), st.floats(1e-6, 1e6))
def test_ticks_cover_the_figures(low: float, span: float) -> None:
    ticks = nice_ticks(low, low + span)
    assert ticks[0] <= low + 1e-6 * span + 1e-9
    assert ticks[-1] >= low + span - 1e-6 * span - 1e-9
    assert 2 <= len(ticks) <= 12
    assert len(set(tick_texts(ticks))) >= 1


def test_figures_are_written_short() -> None:
    assert [compact(value) for value in (0, 500, 1500, 20_000, 2_000_000, 3e9)] == [
        "0", "500", "1.5k", "20k", "2M", "3G",
    ]  # fmt: skip
    assert [plain_text(value) for value in (0, 9.8765, 12_345.6, 746)] == ["0", "9.877", "12,346", "746"]
    assert (utc_text(1_780_012_800_000), utc_text(1_780_012_860_000)) == ("2026-05-29", "2026-05-29 00:01")


def test_labels_move_only_as_far_as_they_must() -> None:
    assert spread([10, 50, 52], 14, 0, 100) == [10, 50, 64]
    assert spread([98, 99], 14, 0, 100) == [86, 100]


@given(st.lists(st.floats(0, 100), min_size=1, max_size=6))
def test_labels_keep_apart_in_order(places: list[float]) -> None:
    moved = spread(places, 14, 0, 100)
    ordered = [moved[at] for at in sorted(range(len(places)), key=lambda at: (places[at], at))]
    assert all(after - before >= 14 - 1e-9 for before, after in pairwise(ordered))
    assert min(moved) >= 0
    assert max(moved) <= 100
