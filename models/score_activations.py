"""Final activations: what a score goes through before a loss sees it (Hidasi & Karatzoglou 2018).

Owns their names. Serving applies none of them: an index ranks by the inner product. Where the activation
rises strictly (all but `relu`) this gives the same ranking. `relu` makes equals of all scores below 0 in
training, so no loss orders them; serving still ranks them by their inner product. There is no `softmax`:
cross-entropy has it inside and takes `linear`. Caller: `retrain.training.autograd_step`.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from schemas.errors import UsageError

ScoreActivation = Callable[[Tensor], Tensor]
"""Scores of any shape -> as many activated scores."""

PLAIN: dict[str, ScoreActivation] = {
    "linear": lambda scores: scores,
    "relu": functional.relu,
    "tanh": torch.tanh,
    "selu": functional.selu,
}
"""Those without a parameter. Scores beyond about 9 are equal after tanh in float32."""

KNOWN = (*PLAIN, "elu", "elu-<alpha>", "leaky-<slope>")


def score_activation(name: str, elu_param: float = 1.0) -> ScoreActivation:
    """The activation that a model config asks for.

    Args:
        name: `linear`; `elu`: x for x > 0, elu_param (exp(x) - 1) below (Clevert et al. 2016); `elu-0.5`:
            the same with its own parameter; `leaky-0.1`: x for x > 0, 0.1 x below; `relu`; `selu`
            (Klambauer et al. 2017); `tanh` (Hidasi et al. 2016).
        elu_param: of `elu` without a number, above 0.

    Raises:
        UsageError: there is no such activation, or its parameter is not a number above 0.
    """
    if name in PLAIN:
        return PLAIN[name]
    kind, dash, number = name.partition("-")
    if kind == "elu" and not dash:
        return _elu(_positive(name, elu_param))
    if kind == "elu":
        return _elu(_positive(name, number))
    if kind == "leaky" and dash:
        slope = _positive(name, number)
        return lambda scores: functional.leaky_relu(scores, slope)
    raise UsageError(f"model config: there is no final activation {name!r}; use one of {', '.join(KNOWN)}")


def _elu(alpha: float) -> ScoreActivation:
    return lambda scores: functional.elu(scores, alpha)


def _positive(name: str, number: str | float) -> float:
    try:
        value = float(number)
    except ValueError:
        value = 0.0
    if not 0 < value < float("inf"):
        raise UsageError(
            f"model config: final activation {name!r} has the parameter {number}; use one above 0"
        )
    return value
