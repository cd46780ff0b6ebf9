"""The losses of GRU4Rec: how badly a target's score stands out among the scores of sampled negatives.

Owns the equations and that they stay finite: large scores, masked candidates, rows without any candidate.
Scores come in after the final activation (`models.score_activations`). Not owned: sampling, the logQ
correction, the mean over a batch. Caller: `retrain.training`.

Notation: r_i is the score of a prediction's target, r_j of its negatives, sigma the logistic function,
s_j = exp(r_j) / sum_k exp(r_k) the softmax over the negatives alone. Every loss takes

    target: float [n], the scores of the targets;
    negatives: float [n, c], the scores of the candidates that each target shall beat;
    allowed: bool [n, c], False where a candidate must not count: the target itself, or padding;

and returns the sum over the n predictions. A prediction without any allowed negative adds 0.
"""

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor
from torch.nn import functional

from schemas.errors import UsageError

Loss = Callable[[Tensor, Tensor, Tensor], Tensor]
"""(target [n], negatives [n, c], allowed [n, c]) -> scalar."""


def cross_entropy(target: Tensor, negatives: Tensor, allowed: Tensor, label_smoothing: float = 0.0) -> Tensor:
    """Sampled softmax (Hidasi & Karatzoglou 2018): -log(exp(r_i) / (exp(r_i) + sum_j exp(r_j))).

    With label smoothing e (Szegedy et al. 2016) the target keeps the share 1 - e of the probability that is
    asked for, and e is spread evenly over the target and its negatives.
    """
    against = torch.logsumexp(_scores_to_weigh(negatives, allowed), dim=1)
    losses = -functional.logsigmoid(target - against)
    if label_smoothing:
        total = target + negatives.masked_fill(~allowed, 0).sum(dim=1)
        losses = losses + label_smoothing * (target - total / (1 + allowed.sum(dim=1)))
    return _summed(losses, allowed)


def bpr(target: Tensor, negatives: Tensor, allowed: Tensor) -> Tensor:
    """BPR (Rendle et al. 2009; Hidasi et al. 2016): -mean_j log sigma(r_i - r_j)."""
    return _mean_over_negatives(-functional.logsigmoid(target[:, None] - negatives), allowed)


def bpr_max(target: Tensor, negatives: Tensor, allowed: Tensor, bpreg: float = 1.0) -> Tensor:
    """BPR-max (Hidasi & Karatzoglou 2018): -log sum_j s_j sigma(r_i - r_j) + bpreg sum_j s_j r_j^2.

    The gradient flows through the weights s_j as well.
    """
    log_weights = functional.log_softmax(_scores_to_weigh(negatives, allowed), dim=1)
    beaten = torch.logsumexp(log_weights + functional.logsigmoid(target[:, None] - negatives), dim=1)
    return _summed(bpreg * (log_weights.exp() * negatives.square()).sum(dim=1) - beaten, allowed)


def top1(target: Tensor, negatives: Tensor, allowed: Tensor) -> Tensor:
    """TOP1 (Hidasi et al. 2016): mean_j [sigma(r_j - r_i) + sigma(r_j^2)]."""
    return _mean_over_negatives(_top1_terms(target, negatives), allowed)


def top1_max(target: Tensor, negatives: Tensor, allowed: Tensor) -> Tensor:
    """TOP1-max (Hidasi & Karatzoglou 2018): sum_j s_j [sigma(r_j - r_i) + sigma(r_j^2)].

    The gradient flows through the weights s_j as well.
    """
    weights = functional.softmax(_scores_to_weigh(negatives, allowed), dim=1)
    return _summed((weights * _top1_terms(target, negatives)).sum(dim=1), allowed)


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


def _top1_terms(target: Tensor, negatives: Tensor) -> Tensor:
    return torch.sigmoid(negatives - target[:, None]) + torch.sigmoid(negatives.square())


def _scores_to_weigh(negatives: Tensor, allowed: Tensor) -> Tensor:
    """The negatives with -inf where they must not count; a row without any keeps all, for `_summed` to drop.

    A softmax over -inf alone, and its gradient, would be no number even where it is multiplied by 0.
    """
    return negatives.masked_fill(~allowed & allowed.any(dim=1, keepdim=True), -torch.inf)


def _summed(losses: Tensor, allowed: Tensor) -> Tensor:
    return losses.masked_fill(~allowed.any(dim=1), 0).sum()


def _mean_over_negatives(terms: Tensor, allowed: Tensor) -> Tensor:
    counts = allowed.sum(dim=1).clamp(min=1)
    return (terms.masked_fill(~allowed, 0).sum(dim=1) / counts).sum()
