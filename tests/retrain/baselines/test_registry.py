"""The registry: names and options are read, and what is wrong with them is said in one line."""

import re

import pytest

from retrain.baselines.registry import BASELINES, fit_baseline
from schemas.errors import UsageError
from tests.retrain.baselines.small_logs import a_log


def test_a_number_may_begin_with_its_point() -> None:
    short = fit_baseline("sr:item_decay=.5", a_log("a b", "a c"), 0).lists(a_log("a b"), k=3)
    long = fit_baseline("sr:item_decay=0.5", a_log("a b", "a c"), 0).lists(a_log("a b"), k=3)
    assert short.scores.tolist() == long.scores.tolist()


def test_every_baseline_says_what_it_recommends() -> None:
    names = "popular recent_popular session_popular last_item sr sknn vsknn vmisknn itemknn als bpr"
    assert list(BASELINES) == names.split()
    assert all(BASELINES.values())


def test_the_model_bears_the_name_that_was_given() -> None:
    assert fit_baseline("sknn:neighbors=3, sample=9", a_log("a b"), 0).name == "sknn:neighbors=3, sample=9"


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("markov", "baseline 'markov' is not known; there are popular, recent_popular,"),
        ("sknn:k=3", "baseline sknn:k=3: no option 'k'; sknn has neighbors, sample"),
        ("popular:days=3", "no option 'days'; popular has none"),
        ("sknn:neighbors", "'neighbors' is no option; write name:option=value"),
        ("sknn:neighbors=", "'neighbors=' is no option"),
        (
            "sknn:neighbors=many",
            "baseline sknn:neighbors=many: neighbors is many; use a whole number, at least 1",
        ),
        ("sknn:neighbors=0", "neighbors is 0; use a whole number, at least 1"),
        ("sr:steps=999", "steps is 999; use a whole number, at least 1 and at most 50"),
        ("bpr:decay=0", "decay is 0; use a number, above 0 and at most 1"),
        ("itemknn:similarity=jaccard", "similarity is jaccard; use bm25 or cosine or tfidf"),
    ],
)
def test_what_is_wrong_is_said(spec: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(message)):
        fit_baseline(spec, a_log("a b"), 0)


def test_no_events_are_refused() -> None:
    with pytest.raises(UsageError, match="no events to learn from"):
        fit_baseline("sr", a_log("a b").clear(), 0)
