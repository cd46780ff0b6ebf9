"""Learning-rate schedules: values by hand, bounds, warm-up, unknown names."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.training.learning_rates import SCHEDULES, learning_rate_factor
from schemas.errors import UsageError

each_schedule = pytest.mark.parametrize("schedule", SCHEDULES)


@pytest.mark.parametrize(
    ("schedule", "final_factor", "expected"),
    [
        ("constant", 0.1, [1.0, 1.0, 1.0, 1.0, 1.0]),
        ("linear", 0.0, [1.0, 0.75, 0.5, 0.25, 0.0]),
        ("linear", 0.2, [1.0, 0.8, 0.6, 0.4, 0.2]),
        ("cosine", 0.0, [1.0, 0.8535533905932737, 0.5, 0.14644660940672624, 0.0]),
        ("cosine", 0.2, [1.0, 0.882842712474619, 0.6, 0.31715728752538097, 0.2]),
    ],
)
def test_schedules_have_the_values_computed_by_hand(
    schedule: str, final_factor: float, expected: list[float]
) -> None:
    quarters = [0.0, 0.25, 0.5, 0.75, 1.0]
    factors = [learning_rate_factor(schedule, at, final_factor=final_factor) for at in quarters]
    assert factors == pytest.approx(expected)


@each_schedule
def test_warm_up_rises_in_a_line_and_the_schedule_follows(schedule: str) -> None:
    warming = [learning_rate_factor(schedule, at, warm_up=0.2) for at in (0.0, 0.05, 0.1, 0.15)]
    assert warming == pytest.approx([0.0, 0.25, 0.5, 0.75])
    after = [learning_rate_factor(schedule, at, warm_up=0.2) for at in (0.2, 0.4, 0.6, 1.0)]
    assert after == pytest.approx([learning_rate_factor(schedule, at) for at in (0.0, 0.25, 0.5, 1.0)])


@each_schedule
@given(
    st.floats(0, 1),
    st.floats(0, 0.99),
    st.floats(0, 1),
)
def test_factors_stay_between_zero_and_one(
    schedule: str, progress: float, warm_up: float, final_factor: float
) -> None:
    factor = learning_rate_factor(schedule, progress, warm_up, final_factor)
    assert -1e-12 <= factor <= 1 + 1e-12
    if progress >= warm_up:
        assert factor >= final_factor - 1e-12


def test_unknown_schedule_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        UsageError, match="no learning-rate schedule 'step'; use one of constant, linear, cosine"
    ):
        learning_rate_factor("step", 0.5)
