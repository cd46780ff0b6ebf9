"""Adagrad on rows and whole weights: torch's own on what it touches, and nothing else."""

import pytest
import torch

from retrain.training.adagrad import Adagrad

GRADIENTS = ([[1.0, -2.0], [3.0, 0.5]], [[0.1, 0.2], [0.3, 0.4]])


def move(
    adagrad: Adagrad,
    weight: torch.Tensor,
    gradient: list[list[float]],
    learning_rate: float,
    rows: torch.Tensor | None,
) -> None:
    if rows is None:
        adagrad.step(torch.tensor(gradient), learning_rate)
    else:
        adagrad.step_rows(rows, weight[rows], torch.tensor(gradient), learning_rate)


@pytest.mark.parametrize("rows", [None, torch.tensor([1, 3])], ids=["whole", "rows"])
def test_step_equals_torch(rows: torch.Tensor | None) -> None:
    matrix = torch.arange(8, dtype=torch.float32).reshape(4, 2)
    if rows is None:
        matrix = matrix[:2].clone()
    expected = matrix.clone().requires_grad_()
    adagrad = Adagrad(matrix)
    torch_adagrad = torch.optim.Adagrad([expected], lr=0.5, eps=1e-6)
    for gradient in GRADIENTS:
        move(adagrad, matrix, gradient, 0.5, rows)
        expected.grad = torch.zeros_like(expected)
        expected.grad[slice(None) if rows is None else rows] = torch.tensor(gradient)
        torch_adagrad.step()
    torch.testing.assert_close(matrix, expected.detach(), rtol=0, atol=1e-5)


@pytest.mark.parametrize("rows", [None, torch.tensor([1])], ids=["whole", "rows"])
def test_momentum_repeats_a_share_of_the_last_step(rows: torch.Tensor | None) -> None:
    weight = torch.zeros(2, 1) if rows is not None else torch.zeros(1, 1)
    adagrad = Adagrad(weight, momentum=0.5)
    for gradient in (3.0, 4.0):
        move(adagrad, weight, [[gradient]], 0.1, rows)
    first, second = 3 / 3, 4 / 5  # by the roots of 9 and of 9 + 16
    assert weight[-1].item() == pytest.approx(-0.1 * (first + 0.5 * first + second), rel=1e-5)
    assert rows is None or weight[0].item() == 0
