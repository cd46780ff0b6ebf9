"""Policies of retraining: what their names mean."""

import pytest

from retrain.benches.freshness_policies import Policy, policies_named
from schemas.errors import UsageError


def test_names_say_how_often_and_how_it_begins() -> None:
    assert policies_named("never, 24h-scratch,1h") == [
        Policy("never", None, warm=False),
        Policy("24h-scratch", 24, warm=False),
        Policy("1h", 1, warm=True),
    ]
    assert policies_named("1h-held,2h-scratch-cycle") == [
        Policy("1h-held", 1, warm=True, learned="held"),
        Policy("2h-scratch-cycle", 2, warm=False, learned="cycle"),
    ]


def test_trainings_begin_after_the_first_hour_and_then_every_so_often() -> None:
    never, two_hourly = policies_named("never,2h")
    assert [hour for hour in range(6) if two_hourly.trains_at(hour)] == [2, 4]
    assert not any(never.trains_at(hour) for hour in range(100))


@pytest.mark.parametrize("given", ["daily", "0h", "1h,,2h", "never,never", "h", "1h-warm", "1h-cycle-held"])
def test_other_names_are_refused_with_those_that_there_are(given: str) -> None:
    with pytest.raises(UsageError, match=f"--every {given}"):
        policies_named(given)
