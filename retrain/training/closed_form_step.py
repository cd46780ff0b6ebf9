"""The fast path of a training step on a CPU: loss and gradients in closed form, without autograd.

Owns the step of the networks that one mostly trains: one GRU layer, tied embeddings, scores as cosines, the
cross-entropy of linear scores, float32. It does what the general step does, in fewer passes over memory, and
leaves out what multiplies the zero states of sessions that start; tests hold it to autograd. Not owned: all
other networks (`retrain.training.autograd_step`), the updates. Caller: `retrain.training.training_state`.

Notation: by_x is the derivative of the loss by x; r, z, n and h are those of torch's GRUCell.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn

from models.gru4rec import EncoderShape, Gru4Rec
from models.model_config import ModelConfig
from retrain.training.step_gradient import Lanes, StepGradient

_LEAST_LENGTH = 1e-12
"""Of what is divided by its length, as in `torch.nn.functional.normalize`."""
_LEAST_PROBABILITY = torch.finfo(torch.float32).tiny
"""Of a target, in the loss: it is at most 87 an event. The gradient is exact in any case."""
_RANDOM_BITS = 16
"""Random bits for each value that may be dropped; the dropout is exact to 2 ** -16."""


class _GruPass(NamedTuple):
    """What the way back through the GRU needs; float32 [lanes, units], `before` of the lanes that go on."""

    read: Tensor
    before: Tensor
    gates: Tensor
    """r and z, [lanes, 2 * units]."""
    candidate: Tensor
    """n."""
    recurrent: Tensor
    """What r multiplies in n."""
    fall: Tensor
    """h - n."""


def has_closed_form(config: ModelConfig, shape: EncoderShape) -> bool:
    """Whether `ClosedFormStep` trains this network."""
    return (
        (config.loss, config.final_activation) == ("cross_entropy", "linear")
        and config.label_smoothing == 0
        and shape.layers == 1
        and shape.tied
        and shape.cosine_scale > 0
        and config.embedding_dropout == 0
    )


class ClosedFormStep:
    """The loss and the gradients of a step."""

    def __init__(self, encoder: Gru4Rec, lanes: int) -> None:
        """Read and write the weights' `grad` from now on.

        Args:
            encoder: on the CPU, float32, of one layer.
            lanes: by which the gradients are divided, however many of them run.
        """
        (self._cell,) = encoder.gru_cells()
        self._encoder = encoder
        self._scale = encoder.shape.cosine_scale
        self._share = 1 / lanes

    @torch.no_grad()
    def gradient(self, rows: Tensor, correction: Tensor, lanes: Lanes, hidden: Tensor) -> StepGradient:
        """The loss of a step and its gradients.

        Args:
            rows: float32 [rows, item_dim], of the item matrix, each once, the candidates first.
            correction: float32 [candidates], what scores are lowered by.
            lanes: that run.
            hidden: float32 [lanes, units], before the step.
        """
        lanes, order, going_on = lanes.starts_last()
        units, scored = rows.shape[1] - 1, len(correction)
        lengths = torch.linalg.vector_norm(rows[:, :units], dim=1, keepdim=True).clamp_(min=_LEAST_LENGTH)
        vectors = rows / lengths
        torch.sub(rows[:scored, units], correction, out=vectors[:scored, units])
        inputs, types = torch.from_numpy(lanes.inputs), torch.from_numpy(lanes.event_types)
        read = vectors[:, :units].index_select(0, inputs)
        if self._encoder.shape.event_types:
            read += self._encoder.type_embeddings.index_select(0, types)
        passed = _gru(self._cell, read, torch.from_numpy(hidden.numpy()[order[:going_on]]))
        after = torch.addcmul(passed.candidate, passed.gates[:, units:], passed.fall)
        loss, by_rows, by_after = self._scored(vectors, correction, lanes, after)
        by_read = _gru_gradient(self._cell, passed, by_after)
        by_rows[:, :units].index_add_(0, inputs, by_read)
        if self._encoder.shape.event_types:
            by_types = torch.zeros_like(self._encoder.type_embeddings).index_add_(0, types, by_read)
            self._encoder.type_embeddings.grad = by_types
        _through_length(by_rows[:, :units], vectors[:, :units], lengths)
        in_lanes = torch.empty_like(after)
        in_lanes.numpy()[order] = after.numpy()
        return StepGradient(loss, by_rows, in_lanes)

    def _scored(
        self, vectors: Tensor, correction: Tensor, lanes: Lanes, after: Tensor
    ) -> tuple[float, Tensor, Tensor]:
        """Scores of all candidates: the loss, and its derivatives by the vectors and by the hidden states.

        The gradient of the cross-entropy by the scores is softmax - 1 at the target, softmax elsewhere; it
        takes their place in memory.
        """
        scored, own = len(correction), torch.from_numpy(lanes.targets)
        kept = kept_values(after.shape, self._encoder.hidden_dropout)
        query = torch.cat([after if kept is None else after * kept, after.new_ones(len(after), 1)], dim=1)
        direction = query[:, :-1]
        lengths = torch.linalg.vector_norm(direction, dim=1, keepdim=True).clamp_(min=_LEAST_LENGTH)
        direction.mul_(self._scale / lengths)
        scores = query @ vectors[:scored].t()
        lane, place, case = (torch.from_numpy(array) for array in lanes.repeats)
        table = self._encoder.repeat_bias
        scores.index_put_((lane, place), table.flatten()[case] + correction[place], accumulate=True)
        probabilities = torch.softmax(scores, dim=1, out=scores)
        each = torch.arange(len(own))
        of_target = probabilities[each, own]
        by_scores = probabilities.index_put_((each, own), of_target - 1)
        by_table = table.new_zeros(table.numel()).index_add_(0, case, by_scores[lane, place])
        table.grad = by_table.mul_(self._share).view_as(table)
        by_vectors = torch.empty_like(vectors)
        by_vectors[scored:] = 0
        torch.mm(by_scores.t(), query * self._share, out=by_vectors[:scored])
        by_after = torch.mm(by_scores, vectors[:scored, :-1]).mul_(self._share * self._scale)
        _through_length(by_after, direction.div_(self._scale), lengths)
        loss = -of_target.clamp(min=_LEAST_PROBABILITY).log().sum().item()
        return loss, by_vectors, by_after if kept is None else by_after.mul_(kept)


def _gru(cell: nn.GRUCell, read: Tensor, before: Tensor) -> _GruPass:
    """Gates r and z = sigma(W x + U h), n = tanh(W x + r * (U h)); the rows beyond `before` have h = 0."""
    going_on, units = before.shape
    from_read = torch.addmm(cell.bias_ih, read, cell.weight_ih.t())
    from_before = torch.empty_like(from_read)
    torch.addmm(cell.bias_hh, before, cell.weight_hh.t(), out=from_before[:going_on])
    from_before[going_on:] = cell.bias_hh
    gates = from_read[:, : 2 * units].add_(from_before[:, : 2 * units]).sigmoid_()
    recurrent = from_before[:, 2 * units :]
    weighed = from_read[:, 2 * units :].addcmul_(gates[:, :units], recurrent)
    candidate = weighed.mul_(2).sigmoid_().mul_(2).sub_(1)  # tanh, in a third of its time
    fall = -candidate
    fall[:going_on] += before
    return _GruPass(read, before, gates, candidate, recurrent, fall)


def _gru_gradient(cell: nn.GRUCell, passed: _GruPass, by_after: Tensor) -> Tensor:
    """Leave the gradients of the weights in their `grad`; gives that by `read`."""
    going_on, units = passed.before.shape
    by_input = by_after.new_empty(len(by_after), 3 * units)
    by_gates, by_candidate = by_input[:, : 2 * units], by_input[:, 2 * units :]
    r, z = passed.gates.chunk(2, dim=1)
    torch.mul(by_after, 1 - z, out=by_candidate).mul_(1 - passed.candidate.square())
    torch.mul(by_candidate, passed.recurrent, out=by_gates[:, :units])
    torch.mul(by_after, passed.fall, out=by_gates[:, units:])
    by_gates.mul_(passed.gates).mul_(1 - passed.gates)
    by_recurrent = torch.cat([by_gates, by_candidate * r], dim=1)
    cell.weight_ih.grad = by_input.t() @ passed.read
    cell.weight_hh.grad = by_recurrent[:going_on].t() @ passed.before
    cell.bias_ih.grad, cell.bias_hh.grad = by_input.sum(dim=0), by_recurrent.sum(dim=0)
    return by_input @ cell.weight_ih


def _through_length(by_direction: Tensor, direction: Tensor, lengths: Tensor) -> None:
    """From the gradient by v / |v| to that by v, in place: (g - u (u g)) / |v| with u = v / |v|."""
    along = (by_direction * direction).sum(dim=1, keepdim=True)
    by_direction.addcmul_(direction, along, value=-1).div_(lengths)


def kept_values(shape: torch.Size, dropout: float) -> Tensor | None:
    """1 for a value that is kept, 0 for one that is dropped, by torch's generator; None where all are kept.

    What is kept is not scaled up: it would not change a direction.
    """
    if dropout == 0:
        return None
    values = 64 // _RANDOM_BITS
    random = torch.empty(-(-shape.numel() // values), dtype=torch.int64).random_(-(2**63), None)
    below = min(round((1 - dropout) * 2**_RANDOM_BITS), 2**_RANDOM_BITS - 1) - 2 ** (_RANDOM_BITS - 1)
    drawn = random.view(torch.int16)[: shape.numel()].view(shape)
    return torch.lt(drawn, below).to(torch.float32)
