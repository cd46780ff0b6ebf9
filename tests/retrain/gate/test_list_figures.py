"""Coverage, flat lists and the commonest list, counted by hand."""

from pathlib import Path

import numpy as np
import pytest

from models.release import load_release
from retrain.evaluation.prefixes import prefixes_of
from retrain.evaluation.served_release import ServedRelease
from retrain.gate.list_figures import ScoreWatch, list_figures, watched_lists
from tests.retrain.baselines.small_logs import a_log
from tests.retrain.gate.planted_candidates import ITEMS, successor_answers, write_candidate


def test_figures_of_three_predictions(tmp_path: Path) -> None:
    answers = successor_answers(ITEMS)
    answers[7] = 0
    release = load_release(write_candidate(tmp_path, "r", answers))
    predictions, watch = watched_lists(release, prefixes_of(a_log("1 2", "1 3", "7 8")), lambda *_: None)
    figures = list_figures(release, predictions, watch)
    first, second, third = predictions.listed_rows.tolist()
    assert first == second != third == list(range(20))
    assert figures.predictions == 3
    assert figures.same_lists == pytest.approx(2 / 3)
    assert figures.flat_lists == pytest.approx(1 / 3)
    assert figures.coverage == len({*first, *third}) / ITEMS
    assert figures.greatest_score == 1
    assert figures.popularity_recall == 1
    hits = (3 in first) + 1 + (8 in third)
    assert figures.recall == pytest.approx(hits / 3)


def test_coverage_of_fewer_places_than_items_is_of_the_places(tmp_path: Path) -> None:
    release = load_release(write_candidate(tmp_path, "r"))
    predictions, watch = watched_lists(release, prefixes_of(a_log("1 2")), lambda *_: None)
    assert list_figures(release, predictions, watch).coverage == 1


def test_watched_model_answers_as_the_release_does(tmp_path: Path) -> None:
    model = ServedRelease(load_release(write_candidate(tmp_path, "r")))
    watch, events = ScoreWatch(model), a_log("1 2 9", "4")
    assert np.array_equal(watch.lists(events, 5).rows, model.lists(events, 5).rows)
    assert (watch.name, watch.vocabulary) == (model.name, model.vocabulary)
