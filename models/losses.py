"""The losses of GRU4Rec: how badly a target's score stands out among the scores of sampled negatives.

Owns the equations and that they stay finite: large scores, masked candidates, rows without any candidate.
Scores come in after the final activation (`models.score_activations`). Not owned: sampling, the logQ
correction, the mean over a batch. Caller: `retrain.training.autograd_step`.

Notation: r_i is the score of a prediction's target, r_j of its negatives, sigma the logistic function,
s_j = exp(r_j) / sum_k exp(r_k) the softmax over the negatives alone. Every loss takes

    target: float [n], the scores of the targets;
    negatives: float [n, c], the scores of the candidates that each target shall beat;
    allowed: bool [n, c], False where a candidate must not count: the target itself, or padding;

and returns the sum over the n predictions. A prediction without any allowed negative adds 0.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from schemas.errors import UsageError

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(target [n], negatives [n, c], allowed [n, c]) -> scalar."""

_SMALL = 1e-30
"""A normal float32, far below what adds to a sum of exponentials of which the greatest is 1."""


def cross_entropy(target: Tensor, negatives: Tensor, allowed: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Sampled softmax (Hidasi & Karatzoglou 2018): -log(exp(r_i) / (exp(r_i) + sum_j exp(r_j))).

    With label smoothing e (Szegedy et al. 2016) the target keeps the share 1 - e of the probability that is
    asked for, and e is spread evenly over the target and its negatives.
    """
    with torch.no_grad():
        masked = negatives.masked_fill(~allowed, -torch.inf)
        greatest = torch.cat([masked, target[:, None]], dim=1).amax(dim=1)
        p_negatives, p_target = masked.sub_(greatest[:, None]).exp_(), (target - greatest).exp()
        total = p_negatives.sum(dim=1) + p_target
        losses, by_target = total.log() + greatest - target, p_target / total - 1
        by_negatives = p_negatives.div_(total[:, None])
        if label_smoothing:
            share = label_smoothing / (1 + allowed.sum(dim=1)).to(target.dtype)
            scores = target + negatives.masked_fill(~allowed, 0).sum(dim=1)
            losses += label_smoothing * target - share * scores
            by_target += label_smoothing - share
            by_negatives -= share[:, None] * allowed
    return _summed(target, negatives, losses, by_target, by_negatives)


def bpr(target: Tensor, negatives: Tensor, allowed: Tensor) -> Tensor:
    """BPR (Rendle et al. 2009; Hidasi et al. 2016): -mean_j log sigma(r_i - r_j)."""
    with torch.no_grad():
        counts = allowed.sum(dim=1).clamp(min=1)
        margin = target[:, None] - negatives
        losses = -functional.logsigmoid(margin).masked_fill_(~allowed, 0).sum(dim=1) / counts
        by_negatives = torch.sigmoid(-margin).masked_fill_(~allowed, 0).div_(counts[:, None])
    return _summed(target, negatives, losses, -by_negatives.sum(dim=1), by_negatives)


def bpr_max(target: Tensor, negatives: Tensor, allowed: Tensor, bpreg: float = 1.0) -> Tensor:
    """BPR-max (Hidasi & Karatzoglou 2018): -log sum_j s_j sigma(r_i - r_j) + bpreg sum_j s_j r_j^2.

    The gradient flows through the weights s_j as well. With m = max_j r_j and e_j = exp(r_j - m) both factors
    of a term come from one exponential: sigma(r_i - r_j) = q / (h e_j + q), where q = exp(min(r_i - m, 0))
    and h = exp(-max(r_i - m, 0)); so s_j sigma(r_i - r_j) = q a_j / sum_k e_k, a_j = e_j / (h e_j + q).
    """
    with torch.no_grad():
        e, greatest = _exponentials(negatives, allowed)
        ahead = target - greatest
        h, q = (-ahead.clamp(min=0)).exp(), ahead.clamp(max=0).exp().clamp(min=_SMALL)
        nearness = (e * h[:, None]).add_(q[:, None]).reciprocal_()
        a = e * nearness
        e_sum, a_sum = e.sum(dim=1), a.sum(dim=1)
        s = e.div_(e_sum[:, None])
        squares = negatives.square()
        mean_square = (s * squares).sum(dim=1)
        losses = e_sum.log() - a_sum.log() - ahead.clamp(max=0) + bpreg * mean_square
        won = a.mul_(nearness).mul_((q / a_sum)[:, None])
        by_target = won.sum(dim=1) - 1
        growth = squares.add_(negatives, alpha=2).sub_(mean_square[:, None]).mul_(bpreg).add_(1)
        by_negatives = growth.mul_(s).sub_(won).masked_fill_(~allowed, 0)
        none = ~allowed.any(dim=1)
    return _summed(
        target, negatives, losses.masked_fill_(none, 0), by_target.masked_fill_(none, 0), by_negatives
    )


def top1(target: Tensor, negatives: Tensor, allowed: Tensor) -> Tensor:
    """TOP1 (Hidasi et al. 2016): mean_j [sigma(r_j - r_i) + sigma(r_j^2)]."""
    with torch.no_grad():
        counts = allowed.sum(dim=1).clamp(min=1)
        terms, by_difference, by_square = _top1_terms(target, negatives)
        losses = terms.masked_fill_(~allowed, 0).sum(dim=1) / counts
        by_target = -by_difference.masked_fill_(~allowed, 0).sum(dim=1) / counts
        by_negatives = by_square.masked_fill_(~allowed, 0).add_(by_difference).div_(counts[:, None])
    return _summed(target, negatives, losses, by_target, by_negatives)


def top1_max(target: Tensor, negatives: Tensor, allowed: Tensor) -> Tensor:
    """TOP1-max (Hidasi & Karatzoglou 2018): sum_j s_j [sigma(r_j - r_i) + sigma(r_j^2)].

    The gradient flows through the weights s_j as well.
    """
    with torch.no_grad():
        e, _ = _exponentials(negatives, allowed)
        s = e.div_(e.sum(dim=1, keepdim=True)).masked_fill_(~allowed, 0)
        terms, by_difference, by_square = _top1_terms(target, negatives)
        losses = (s * terms).sum(dim=1)
        by_target = -(s * by_difference).sum(dim=1)
        by_negatives = terms.sub_(losses[:, None]).add_(by_difference).add_(by_square).mul_(s)
    return _summed(target, negatives, losses, by_target, by_negatives)


LOSSES: dict[str, Loss] = {
    "cross_entropy": cross_entropy,
    "bpr": bpr,
    "bpr_max": bpr_max,
    "top1": top1,
    "top1_max": top1_max,
}
"""By the name in a model config; the parameters at their defaults."""


def loss_named(name: str, bpreg: float = 1.0, label_smoothing: float = 0.0) -> Loss:
    """The loss that a model config asks for.

    Args:
        name: a key of `LOSSES`.
        bpreg: of `bpr_max`; the others have no such parameter.
        label_smoothing: of `cross_entropy`, 0 to 1 (excluded); the others have no such parameter.

    Raises:
        UsageError: there is no loss of this name.
    """
    if name not in LOSSES:
        raise UsageError(f"model config: there is no loss {name!r}; use one of {', '.join(LOSSES)}")
    if name == "cross_entropy":
        return partial(cross_entropy, label_smoothing=label_smoothing)
    if name == "bpr_max":
        return partial(bpr_max, bpreg=bpreg)
    return LOSSES[name]


def _top1_terms(target: Tensor, negatives: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """sigma(r_j - r_i) + sigma(r_j^2), and the derivatives of both by r_j."""
    difference, square = torch.sigmoid(negatives - target[:, None]), torch.sigmoid(negatives.square())
    terms = difference + square
    by_square = square.mul_(1 - square).mul_(negatives).mul_(2)
    return terms, difference.mul_(1 - difference), by_square


def _exponentials(negatives: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """exp(r_j - max_k r_k), 0 where masked, and the maxima; where none is allowed, the lowest number."""
    masked = negatives.masked_fill(~allowed, -torch.inf)
    greatest = functional.pad(masked, (0, 1), value=torch.finfo(masked.dtype).min).amax(dim=1)
    return masked.sub_(greatest[:, None]).exp_(), greatest


def _summed(
    target: Tensor, negatives: Tensor, losses: Tensor, by_target: Tensor, by_negatives: Tensor
) -> Tensor:
    arguments = target, negatives, losses, by_target, by_negatives
    summed: Tensor = _SumWithGradient.apply(*arguments)  # type: ignore[no-untyped-call]  # torch's own
    return summed


class _SumWithGradient(torch.autograd.Function):
    """The sum of losses whose gradient was computed beside them, in a fraction of autograd's time."""

    @staticmethod
    def forward(
        ctx: Any, _target: Tensor, _negatives: Tensor, losses: Tensor, by_target: Tensor, by_negatives: Tensor
    ) -> Tensor:
        ctx.save_for_backward(by_target, by_negatives)
        return losses.sum()

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, by_sum: Tensor) -> tuple[Tensor, Tensor, None, None, None]:
        by_target, by_negatives = ctx.saved_tensors
        return by_target * by_sum, by_negatives * by_sum, None, None, None
