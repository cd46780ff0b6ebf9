"""How often the rule errs is what its confidence says, on models whose true difference is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from retrain.evaluation.bootstrap import Bootstrap
from retrain.gate.paired_loss import PairedLoss, needed_predictions, paired_loss

CONFIDENCE = 0.9
ALLOWED = 0.05
TRIALS = 600
DISAGREEMENT = 0.2
"""Share of the predictions that one of the two models alone hits."""
Hits = tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int32]]


def drawn_hits(random: np.random.Generator, n: int, loss: float, a_session: int) -> Hits:
    """Hits of a candidate and an incumbent, whose true recall differs by `loss`.

    Args:
        random: the generator.
        n: predictions.
        loss: by how much the candidate is worse.
        a_session: predictions of a session, all with the same outcome.
    """
    sessions = n // a_session
    drawn = random.random(sessions)
    candidate_alone = (DISAGREEMENT - loss) / 2
    alone = drawn < candidate_alone
    other_alone = (drawn >= candidate_alone) & (drawn < DISAGREEMENT)
    both = random.random(sessions) < 0.5
    candidate = (alone | (both & ~other_alone)).astype(np.float64)
    incumbent = (other_alone | (both & ~alone)).astype(np.float64)
    session = np.repeat(np.arange(sessions, dtype=np.int32), a_session)
    return candidate[session], incumbent[session], session


def passing_share(n: int, loss: float, a_session: int = 1) -> float:
    random = np.random.default_rng(11)
    passes = 0
    for trial in range(TRIALS):
        found = measured(drawn_hits(random, n, loss, a_session), seed=trial)
        passes += found.lower >= -ALLOWED
    return passes / TRIALS


def measured(hits: Hits, seed: int = 1) -> PairedLoss:
    candidate, incumbent, session = hits
    return paired_loss(candidate, incumbent, session, CONFIDENCE, Bootstrap(200, seed))


NEEDED = needed_predictions(DISAGREEMENT**0.5, ALLOWED, CONFIDENCE)


def test_equal_models_are_refused_as_often_as_the_confidence_says() -> None:
    assert NEEDED == 526
    assert 1 - passing_share(NEEDED, loss=0) == pytest.approx(1 - CONFIDENCE, abs=0.035)


def test_candidate_that_is_worse_by_what_is_allowed_passes_no_oftener_than_the_confidence_says() -> None:
    assert passing_share(NEEDED, loss=ALLOWED) == pytest.approx(1 - CONFIDENCE, abs=0.035)


def test_dependent_predictions_of_a_session_are_not_taken_for_independent_ones() -> None:
    assert passing_share(4 * NEEDED, loss=ALLOWED, a_session=4) == pytest.approx(1 - CONFIDENCE, abs=0.035)


def test_models_that_answer_alike_differ_by_nothing_for_sure() -> None:
    hits = np.array([1.0, 0.0, 1.0, 1.0])
    session = np.array([0, 0, 1, 2], dtype=np.int32)
    assert paired_loss(hits, hits, session, 0.95, Bootstrap(100)) == (0.0, 0.0, 0.0, 0.0, 4)


def test_bounds_enclose_the_difference_and_depend_on_the_seed_alone() -> None:
    hits = drawn_hits(np.random.default_rng(3), 400, 0.05, 2)
    found = measured(hits)
    assert found.lower < found.difference < found.upper
    assert found == measured(hits)
    assert found != measured(hits, seed=2)


@pytest.mark.parametrize(
    ("deviation", "loss", "confidence", "power", "needed"),
    [(0.3, 0.01, 0.95, None, 9740), (0.3, 0.01, 0.95, 0.8, 5565), (0.3, 0.02, 0.95, None, 2435)],
)
def test_needed_predictions_are_those_of_the_normal_approximation(
    deviation: float, loss: float, confidence: float, power: float | None, needed: int
) -> None:
    assert needed_predictions(deviation, loss, confidence, power) == needed
