"""Final activations: values by hand, what they do to the ranking, wrong names."""

import math

import pytest
import torch

from models.score_activations import PLAIN, score_activation
from schemas.errors import UsageError

SCORES = torch.tensor([-2.0, -0.5, 0.0, 3.0])
SELU_SCALE = 1.0507009873554805
SELU = SELU_SCALE * 1.6732632423543772
"""Of Klambauer et al. 2017: lambda, and lambda alpha."""


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("linear", [-2.0, -0.5, 0.0, 3.0]),
        ("relu", [0.0, 0.0, 0.0, 3.0]),
        ("leaky-0.1", [-0.2, -0.05, 0.0, 3.0]),
        ("elu-0.5", [0.5 * math.expm1(-2), 0.5 * math.expm1(-0.5), 0.0, 3.0]),
        ("elu", [2 * math.expm1(-2), 2 * math.expm1(-0.5), 0.0, 3.0]),
        ("tanh", [math.tanh(-2), math.tanh(-0.5), 0.0, math.tanh(3)]),
        (
            "selu",
            [SELU * math.expm1(-2), SELU * math.expm1(-0.5), 0.0, 3 * SELU_SCALE],
        ),
    ],
)
def test_activations_have_the_values_of_their_papers(name: str, expected: list[float]) -> None:
    torch.testing.assert_close(score_activation(name, elu_param=2.0)(SCORES), torch.tensor(expected))


@pytest.mark.parametrize("name", [*sorted(set(PLAIN) - {"relu"}), "elu-0.5", "leaky-0.01"])
def test_activations_but_relu_rise_strictly_and_keep_the_ranking(name: str) -> None:
    scores = torch.linspace(-4, 4, 200, dtype=torch.float64)
    assert (score_activation(name)(scores).diff() > 0).all()


def test_relu_makes_equals_of_scores_below_zero() -> None:
    assert score_activation("relu")(torch.tensor([-3.0, -1.0])).tolist() == [0.0, 0.0]


@pytest.mark.parametrize("name", ["", "softmax", "elu_0.5", "leaky", "relu-1"])
def test_unknown_activation_is_refused_with_the_known_ones(name: str) -> None:
    with pytest.raises(UsageError, match=rf"no final activation '{name}'; use one of linear, relu"):
        score_activation(name)


@pytest.mark.parametrize("name", ["elu-", "elu-x", "elu-0", "leaky--1", "leaky-nan", "elu-inf"])
def test_parameter_that_is_no_positive_number_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match=rf"'{name}' has the parameter .*; use one above 0"):
        score_activation(name)


def test_elu_parameter_of_the_config_is_checked_too() -> None:
    with pytest.raises(UsageError, match=r"'elu' has the parameter -1\.0; use one above 0"):
        score_activation("elu", elu_param=-1.0)
