"""Planted data: where the next item is known, the baselines that can know it find it."""

import numpy as np
import polars as pl
import pytest

from retrain.baselines.registry import BASELINES, fit_baseline
from retrain.evaluation.evaluation import evaluate
from tests.retrain.baselines.small_logs import a_log
from tests.retrain.planted_sessions import RING, ring_events

_PERSONAL = sorted(BASELINES.keys() - {"popular", "recent_popular", "session_popular"})


def checkerboard(sessions: int, seed: int) -> pl.DataFrame:
    """Sessions of even items only, and of odd items only; ten of each kind."""
    random = np.random.default_rng(seed)
    return a_log(*(" ".join(_even_or_odd(random, session % 2)) for session in range(sessions)))


def _even_or_odd(random: np.random.Generator, remainder: int) -> list[str]:
    return [str(2 * place + remainder) for place in random.permutation(10)[:4]]


@pytest.mark.parametrize("name", _PERSONAL)
def test_even_sessions_get_even_items(name: str) -> None:
    options = {"als": ":factors=2", "bpr": ":factors=8,iterations=200"}.get(name, "")
    model = fit_baseline(name + options, checkerboard(400, seed=1), session_gap_s=0)
    events = checkerboard(40, seed=2)
    listed = model.lists(events, k=8)
    colour = np.array([int(item) % 2 for item in model.vocabulary.item_ids])
    right = colour[listed.rows] == events["item_id"].cast(pl.Int32).to_numpy()[:, None] % 2
    assert right.mean() >= 0.99


def test_sequential_rules_find_the_next_item_of_a_ring() -> None:
    model = fit_baseline("sr", ring_events(noise=0.05), session_gap_s=0)
    figures = evaluate(model, ring_events(sessions=80, noise=0, seed=99), [1])
    assert figures.metrics["recall@1"] >= 0.95


@pytest.mark.parametrize("name", ["sknn", "vsknn", "vmisknn"])
def test_session_neighbors_find_the_ring(name: str) -> None:
    model = fit_baseline(name, ring_events(noise=0.05), session_gap_s=0)
    figures = evaluate(model, ring_events(sessions=80, noise=0, seed=99), [RING])
    assert figures.metrics[f"recall@{RING}"] >= 0.95


def test_popularity_finds_its_share() -> None:
    model = fit_baseline("popular", ring_events(noise=1.0), session_gap_s=0)
    figures = evaluate(model, ring_events(sessions=300, noise=1.0, seed=99), [4 * RING])
    assert figures.metrics[f"recall@{4 * RING}"] == pytest.approx(0.8, abs=0.05)
