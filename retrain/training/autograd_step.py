"""The general training step: loss and gradients of any network, on any device, by autograd.

Owns how scores become a loss. Not owned: the updates, the networks that have a faster way
(`retrain.training.closed_form_step`). Caller: `retrain.training.training_state`.
"""

from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional

from models.gru4rec import Gru4Rec, serving_vectors
from models.losses import loss_named
from models.model_config import ModelConfig
from models.score_activations import score_activation
from retrain.training.step_gradient import Lanes, StepGradient


class AutogradStep:
    """The loss and the gradients of a step."""

    def __init__(self, encoder: Gru4Rec, lanes: int, config: ModelConfig, product_type: torch.dtype) -> None:
        """Read and write the weights' `grad` from now on.

        Args:
            encoder: in training mode.
            lanes: by which the gradients are divided, however many of them run.
            config: of the model.
            product_type: of the factors of matrix products.
        """
        self._encoder = encoder
        self._lanes = lanes
        self._product_type = product_type
        self._loss = _score_loss(config)

    def gradient(self, rows: Tensor, correction: Tensor, lanes: Lanes, hidden: Tensor) -> StepGradient:
        """The loss of a step and its gradients; no gradient flows to earlier events, as in the papers.

        Args:
            rows: float32 [rows, item_dim], of the item matrix, each once, the candidates first.
            correction: float32 [candidates], what scores are lowered by.
            lanes: that run.
            hidden: float32 [lanes, state_size], before the step.
        """
        device, shape = rows.device, self._encoder.shape
        targets, inputs, types, goes_on = (
            torch.from_numpy(array).to(device)
            for array in (lanes.targets, lanes.inputs, lanes.event_types, ~lanes.starts)
        )
        leaf = rows.detach().requires_grad_()
        vectors = serving_vectors(leaf, shape)
        with torch.autocast(device.type, self._product_type, enabled=self._product_type != torch.float32):
            query, after = self._encoder(vectors.index_select(0, inputs), types, hidden * goes_on[:, None])
            scores = query @ vectors[: len(correction), -shape.index_dim :].t() - correction
        lane, place, case = (torch.from_numpy(array).to(device) for array in lanes.repeats)
        gain = self._encoder.repeat_bias.flatten()[case] + correction[place]
        loss = self._loss(scores.float().index_put((lane, place), gain, accumulate=True), targets)
        (loss / self._lanes).backward()  # type: ignore[no-untyped-call]  # torch's own
        assert leaf.grad is not None
        return StepGradient(loss.item(), leaf.grad, after.detach().float())


def _score_loss(config: ModelConfig) -> Callable[[Tensor, Tensor], Tensor]:
    """The loss of scores [lanes, candidates] and the places [lanes] of the targets among them, summed."""
    if config.loss == "cross_entropy" and config.final_activation == "linear":
        smoothing = config.label_smoothing
        return lambda scores, own: functional.cross_entropy(
            scores, own, reduction="sum", label_smoothing=smoothing
        )
    loss = loss_named(config.loss, config.bpreg, config.label_smoothing)
    activation = score_activation(config.final_activation, config.elu_param)

    def of_all_others(scores: Tensor, own: Tensor) -> Tensor:
        activated = activation(scores)
        others = torch.ones_like(scores, dtype=torch.bool).scatter_(1, own[:, None], value=False)
        return loss(activated.gather(1, own[:, None]).squeeze(1), activated, others)

    return of_all_others
