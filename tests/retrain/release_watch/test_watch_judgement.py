"""A breach is told from chance: few false alarms over many looks, and real drops are found."""

import numpy as np

from retrain.release_watch.watch_judgement import WatchJudge, WatchRules
from schemas.worker_heartbeat import OnlineCounts

RULES = WatchRules(period_s=600, error_rate=0.01, hit_rate_drop=0.2, min_events=200)
INCUMBENT = OnlineCounts(predictions=20_000, hits=8_000, events=25_000, errors=3)


def of_events(events: int, errors: int) -> OnlineCounts:
    return OnlineCounts(events=events, errors=errors)


def of_predictions(predictions: int, hits: int) -> OnlineCounts:
    return OnlineCounts(predictions=predictions, hits=hits, events=predictions)


def first_look(counts: OnlineCounts, incumbent: OnlineCounts = INCUMBENT) -> str:
    return WatchJudge(RULES, incumbent).breach(counts)


def looks(rng: np.random.Generator, rate: float, sessions: int = 400) -> str:
    """The breach in a watch of 30 looks at sessions of 1 to 7 predictions, which resemble each other."""
    judge = WatchJudge(RULES, INCUMBENT)
    sizes = rng.integers(1, 8, sessions)
    of_session = rng.beta(2 * rate, 2 * (1 - rate), sessions)  # correlation 1 / 3 within a session
    hits = rng.binomial(sizes, of_session)
    for upto in np.linspace(1, sessions, 30).astype(int):
        found = judge.breach(of_predictions(int(sizes[:upto].sum()), int(hits[:upto].sum())))
        if found:
            return found
    return ""


def test_release_as_good_as_the_limit_is_nearly_never_rolled_back() -> None:
    rng = np.random.default_rng(1)
    assert sum(bool(looks(rng, 0.32)) for _ in range(400)) <= 6  # 1 % of watches, as promised, and chance


def test_release_that_hits_half_as_often_is_found() -> None:
    rng = np.random.default_rng(2)
    assert sum(bool(looks(rng, 0.2)) for _ in range(50)) >= 48


def test_hit_rate_breach_names_rates_numbers_and_limit() -> None:
    assert first_look(of_predictions(2000, 400)) == (
        "hit rate: 0.2000 over 2000 predictions, the release before it had 0.4000 over 20000; "
        "the limit is 0.3200"
    )


def test_drop_that_the_limit_allows_is_no_breach() -> None:
    assert first_look(of_predictions(20_000, 6_500)) == ""


def test_few_predictions_decide_nothing() -> None:
    assert first_look(of_predictions(199, 0)) == ""
    assert first_look(of_predictions(2000, 0), OnlineCounts(predictions=199, hits=100)) == ""


def test_no_hit_at_all_is_a_breach() -> None:
    assert first_look(of_predictions(200, 0)).startswith("hit rate: 0.0000")


def test_incumbent_without_hits_is_no_measure() -> None:
    assert first_look(of_predictions(5000, 0), OnlineCounts(predictions=5000)) == ""


def test_errors_beyond_the_limit_are_a_breach() -> None:
    assert first_look(of_events(900, 100)) == (
        "errors: 100 of 1000 events failed (10.00%), the limit is 1.00%"
    )


def test_release_that_serves_nothing_is_found_after_five_tries() -> None:
    assert first_look(of_events(0, 4)) == ""
    assert first_look(of_events(0, 5)).startswith("errors: 5 of 5 events failed")


def test_errors_at_the_limit_are_none_that_chance_does_not_explain() -> None:
    assert first_look(of_events(9_880, 120)) == ""


def test_errors_that_the_release_before_had_too_are_not_held_against_it() -> None:
    plagued = OnlineCounts(events=9_000, errors=1_000)
    assert first_look(of_events(900, 100), plagued) == ""
    assert first_look(of_events(700, 300), plagued) != ""


def test_look_without_new_evidence_is_none() -> None:
    judge = WatchJudge(RULES, INCUMBENT)
    assert judge.breach(of_predictions(1000, 330)) == ""
    assert judge.breach(of_predictions(1100, 150)) == ""
    assert judge.breach(of_predictions(1250, 150)) != ""


def test_absence_of_a_breach_says_what_it_is_worth() -> None:
    judge = WatchJudge(RULES, INCUMBENT)
    assert judge.without_breach(of_predictions(500, 210)) == (
        "500 events, 0 errors; hit rate 0.4200, before it 0.4000"
    )
    assert judge.without_breach(of_predictions(10, 4)).endswith("there were 10 of 200 predictions")
    assert (
        WatchJudge(RULES, OnlineCounts())
        .without_breach(of_predictions(500, 210))
        .endswith("the one before left 0 of 200 predictions")
    )
