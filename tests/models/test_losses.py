"""Losses and their gradients against plain loops in double precision; masks, extreme scores, names."""

import math
from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor

from models.losses import LOSSES, Loss, cross_entropy, loss_named
from schemas.errors import UsageError

PlainLoss = Callable[[float, Sequence[float]], float]

STEP = 1e-6
"""Of the central differences."""


def sigma(x: float) -> float:
    return 1 / (1 + math.exp(-x))


def softmax(scores: Sequence[float]) -> list[float]:
    total = sum(math.exp(score) for score in scores)
    return [math.exp(score) / total for score in scores]


def plain_cross_entropy(target: float, negatives: Sequence[float], smoothing: float = 0.0) -> float:
    candidates = [target, *negatives]
    asked = [smoothing / len(candidates)] * len(candidates)
    asked[0] += 1 - smoothing
    return -sum(share * math.log(p) for share, p in zip(asked, softmax(candidates), strict=True))


def plain_bpr(target: float, negatives: Sequence[float]) -> float:
    return -sum(math.log(sigma(target - score)) for score in negatives) / len(negatives)


def plain_bpr_max(target: float, negatives: Sequence[float], bpreg: float = 1.0) -> float:
    beaten, regulariser = 0.0, 0.0
    for weight, score in zip(softmax(negatives), negatives, strict=True):
        beaten += weight * sigma(target - score)
        regulariser += weight * score**2
    return -math.log(beaten) + bpreg * regulariser


def plain_top1(target: float, negatives: Sequence[float]) -> float:
    return sum(sigma(score - target) + sigma(score**2) for score in negatives) / len(negatives)


def plain_top1_max(target: float, negatives: Sequence[float]) -> float:
    total = 0.0
    for weight, score in zip(softmax(negatives), negatives, strict=True):
        total += weight * (sigma(score - target) + sigma(score**2))
    return total


PAIRS: dict[str, tuple[Loss, PlainLoss]] = {
    "cross_entropy": (LOSSES["cross_entropy"], plain_cross_entropy),
    "cross_entropy, smoothed": (
        loss_named("cross_entropy", label_smoothing=0.2),
        lambda target, negatives: plain_cross_entropy(target, negatives, 0.2),
    ),
    "bpr": (LOSSES["bpr"], plain_bpr),
    "bpr_max": (LOSSES["bpr_max"], plain_bpr_max),
    "bpr_max, without its regulariser": (
        loss_named("bpr_max", bpreg=0),
        lambda target, negatives: plain_bpr_max(target, negatives, 0),
    ),
    "bpr_max, regularised more": (
        loss_named("bpr_max", bpreg=1.95),
        lambda target, negatives: plain_bpr_max(target, negatives, 1.95),
    ),
    "top1": (LOSSES["top1"], plain_top1),
    "top1_max": (LOSSES["top1_max"], plain_top1_max),
}
each_loss = pytest.mark.parametrize(("loss", "plain"), PAIRS.values(), ids=PAIRS.keys())


def scores_of_a_batch() -> tuple[Tensor, Tensor, Tensor]:
    """Six predictions over five candidates; of the last three one has one negative, one has none."""
    random = torch.Generator().manual_seed(7)
    target = 2 * torch.randn(6, dtype=torch.float64, generator=random)
    negatives = 2 * torch.randn(6, 5, dtype=torch.float64, generator=random)
    allowed = torch.ones(6, 5, dtype=torch.bool)
    allowed[1, 2] = False
    allowed[3] = torch.tensor([True, False, True, False, True])
    allowed[4] = torch.tensor([False, True, False, False, False])
    allowed[5] = False
    return target, negatives, allowed


def by_loops(plain: PlainLoss, target: Tensor, negatives: Tensor, allowed: Tensor) -> float:
    total = 0.0
    for row in range(len(target)):
        counted = [float(score) for score, counts in zip(negatives[row], allowed[row], strict=True) if counts]
        if counted:
            total += plain(float(target[row]), counted)
    return total


@each_loss
def test_loss_equals_a_plain_loop(loss: Loss, plain: PlainLoss) -> None:
    target, negatives, allowed = scores_of_a_batch()
    assert loss(target, negatives, allowed).item() == pytest.approx(
        by_loops(plain, target, negatives, allowed), rel=1e-12
    )


@each_loss
def test_gradient_equals_differences_of_the_plain_loop(loss: Loss, plain: PlainLoss) -> None:
    target, negatives, allowed = scores_of_a_batch()
    for scores in (target, negatives):
        scores.requires_grad_()
        (gradient,) = torch.autograd.grad(loss(target, negatives, allowed), scores)
        scores.requires_grad_(False)
        flat, expected = scores.view(-1), []
        for place in range(len(flat)):
            kept = flat[place].item()
            sides = []
            for moved in (kept + STEP, kept - STEP):
                flat[place] = moved
                sides.append(by_loops(plain, target, negatives, allowed))
            flat[place] = kept
            expected.append((sides[0] - sides[1]) / (2 * STEP))
        torch.testing.assert_close(
            gradient.view(-1), torch.tensor(expected, dtype=torch.float64), rtol=1e-6, atol=1e-8
        )


@each_loss
def test_gradient_passes_the_check_of_autograd(loss: Loss, plain: PlainLoss) -> None:
    target, negatives, allowed = scores_of_a_batch()
    assert torch.autograd.gradcheck(
        lambda t, n: loss(t, n, allowed), (target.requires_grad_(), negatives.requires_grad_())
    )


@each_loss
def test_masked_candidates_change_nothing_and_get_no_gradient(loss: Loss, plain: PlainLoss) -> None:
    target, negatives, allowed = scores_of_a_batch()
    others = negatives.masked_fill(~allowed, 55.5).requires_grad_()
    assert loss(target, others, allowed).item() == loss(target, negatives, allowed).item()
    loss(target, others, allowed).backward()  # type: ignore[no-untyped-call]
    assert others.grad is not None
    assert (others.grad[~allowed] == 0).all()


@each_loss
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_extreme_scores_stay_finite(loss: Loss, plain: PlainLoss, dtype: torch.dtype) -> None:
    extremes = torch.tensor([-1e4, -90, 0, 90, 1e4], dtype=dtype)
    target = extremes.repeat_interleave(5).requires_grad_()
    negatives = torch.stack([extremes.repeat(5), extremes.flip(0).repeat(5)], dim=1).requires_grad_()
    allowed = torch.ones(25, 2, dtype=torch.bool)
    allowed[::3, 0] = False
    allowed[7] = False
    value = loss(target, negatives, allowed)
    value.backward()  # type: ignore[no-untyped-call]
    assert target.grad is not None
    assert negatives.grad is not None
    assert all(torch.isfinite(tensor).all() for tensor in (value, target.grad, negatives.grad))


@each_loss
@pytest.mark.parametrize("candidates", [0, 3])
def test_predictions_without_negatives_add_nothing(loss: Loss, plain: PlainLoss, candidates: int) -> None:
    target = torch.tensor([1.0, -1e4], requires_grad=True)
    negatives = torch.full((2, candidates), 3.0, requires_grad=True)
    value = loss(target, negatives, torch.zeros(2, candidates, dtype=torch.bool))
    value.backward()  # type: ignore[no-untyped-call]
    assert value.item() == 0
    assert target.grad is not None
    assert (target.grad == 0).all()
    assert negatives.grad is not None
    assert (negatives.grad == 0).all()


def test_losses_of_two_items_known_by_hand() -> None:
    even = torch.zeros(1), torch.zeros(1, 1), torch.ones(1, 1, dtype=torch.bool)
    values = {name: loss(*even).item() for name, loss in LOSSES.items()}
    log_2 = pytest.approx(math.log(2))
    assert values == {"cross_entropy": log_2, "bpr": log_2, "bpr_max": log_2, "top1": 1.0, "top1_max": 1.0}


def test_cross_entropy_equals_torch_over_all_candidates() -> None:
    target, negatives, _ = scores_of_a_batch()
    everything = torch.cat([target[:, None], negatives], dim=1)
    for smoothing in (0.0, 0.3):
        expected = torch.nn.functional.cross_entropy(
            everything, torch.zeros(6, dtype=torch.int64), reduction="sum", label_smoothing=smoothing
        )
        mine = cross_entropy(target, negatives, torch.ones_like(negatives, dtype=torch.bool), smoothing)
        torch.testing.assert_close(mine, expected)


def test_unknown_loss_is_refused_with_the_known_ones() -> None:
    with pytest.raises(
        UsageError, match="no loss 'hinge'; use one of cross_entropy, bpr, bpr_max, top1, top1_max"
    ):
        loss_named("hinge")
