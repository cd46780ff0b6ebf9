"""The state of a training: weights, what the optimizers gathered, the lanes' hidden states, and one step.

Owns what a step changes, and its form in a checkpoint. Not owned: the gradients of a step
(`retrain.training.autograd_step`, or `closed_form_step` where it can), which step is next, where a checkpoint
lies. Caller: `retrain.training.training_loop`.
"""

from collections.abc import Mapping

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from models.gru4rec import Gru4Rec, serving_vectors
from models.model_config import ModelConfig
from models.repeat_bias import LastItems, after_events, bias_cases, no_items
from models.trainable_weights import ITEM_MATRIX, SQUARES, Weights
from models.vocabulary import UNKNOWN
from retrain.training.adagrad import Adagrad
from retrain.training.autograd_step import AutogradStep
from retrain.training.closed_form_step import ClosedFormStep, has_closed_form
from retrain.training.distinct_rows import DistinctRows
from retrain.training.initial_network import encoder_shape, initial_items
from retrain.training.session_parallel_batches import Step
from retrain.training.sessionize import Sessions
from retrain.training.step_gradient import Lanes, Repeats

Array = NDArray[np.generic]


class TrainingState:
    """Everything that a step reads and writes."""

    def __init__(
        self,
        sessions: Sessions,
        lanes: int,
        correction: NDArray[np.float32],
        config: ModelConfig,
        device: torch.device,
        product_type: torch.dtype = torch.float32,
        initial: Weights | None = None,
    ) -> None:
        """Draw the initial weights from torch's global generator, or take those that are given.

        Args:
            sessions: what is trained on.
            lanes: sessions side by side.
            correction: float32 [items], what the items' scores are lowered by in training (logQ).
            config: of the model.
            device: where the tensors live.
            product_type: of the factors of matrix products; weights and their updates are float32 always.
            initial: see `weights`; None: drawn.
        """
        self.shape = encoder_shape(config, sessions)
        self.encoder = Gru4Rec(self.shape, config.embedding_dropout, config.hidden_dropout).to(device)
        if initial is None:
            self.item_matrix = initial_items(sessions, len(correction), config, self.shape).to(device)
        else:
            self.item_matrix = torch.empty(len(correction), self.shape.item_dim, device=device)
        self.hidden = torch.zeros(lanes, self.shape.state_size, device=device)
        self._correction = torch.from_numpy(correction).to(device)
        self._distinct = DistinctRows(len(correction))
        self._last = no_items(lanes)
        self._device = device
        self._weights = {name: weight for name, weight in self.encoder.named_parameters() if weight.numel()}
        self._optimizers = {name: Adagrad(weight, config.momentum) for name, weight in self._weights.items()}
        self._row_optimizer = Adagrad(self.item_matrix, config.momentum)
        if initial is not None:
            self._begin_with(initial)
        if device.type == "cpu" and product_type == torch.float32 and has_closed_form(config, self.shape):
            self._gradient = ClosedFormStep(self.encoder, lanes).gradient
        else:
            self._gradient = AutogradStep(self.encoder, lanes, config, product_type).gradient

    def step(self, step: Step, negatives: NDArray[np.int64], learning_rate: float) -> float:
        """Train one event of each lane; no gradient flows back to earlier events, as in the papers.

        Args:
            step: the lanes' events.
            negatives: int64 [n], rows of items drawn for all lanes.
            learning_rate: of this step.

        Returns:
            The summed loss of the lanes.
        """
        lanes, (repeated, lane, cases) = len(step.targets), self._repeats(step)
        candidates = lanes + len(negatives) + len(repeated)
        distinct, places = self._distinct.number(
            np.concatenate([step.targets, negatives, repeated, step.inputs])
        )
        rows = self._tensor(distinct)
        weights = self.item_matrix.index_select(0, rows)
        correction = self._correction[rows[: int(places[:candidates].max()) + 1]]
        repeats = Repeats(lane, places[candidates - len(repeated) : candidates], cases)
        running = Lanes(places[:lanes], places[candidates:], step.event_types, step.starts, repeats)
        made = self._gradient(weights, correction, running, self.hidden[:lanes])
        self._update(rows, weights, made.by_rows, learning_rate)
        self.hidden[:lanes], self.hidden[lanes:] = made.after, 0
        return made.loss

    def restart_lanes(self) -> None:
        """An epoch begins: no lane has a session."""
        self.hidden.zero_()

    def served_vectors(self) -> NDArray[np.float32]:
        """The item vectors as a release holds them, float32 [items, item_dim]."""
        vectors: NDArray[np.float32] = serving_vectors(self.item_matrix, self.shape).cpu().numpy()
        return vectors

    def weights(self) -> Weights:
        """What was trained, as the next training may begin with it; copies."""
        squares = {name + SQUARES: optimizer.squares for name, optimizer in self._optimizers.items()}
        tensors = {ITEM_MATRIX: self.item_matrix, **self._weights, **squares}
        tensors[ITEM_MATRIX + SQUARES] = self._row_optimizer.squares.mean(dim=1, keepdim=True)
        return {name: tensor.detach().cpu().numpy().copy() for name, tensor in tensors.items()}

    def _begin_with(self, initial: Weights) -> None:
        """Take what `weights` gave, or what `retrain.training.carried_weights` made of it."""
        with torch.no_grad():
            for name, weight in {ITEM_MATRIX: self.item_matrix, **self._weights}.items():
                weight.copy_(torch.from_numpy(initial[name]))
        for name, optimizer in {ITEM_MATRIX: self._row_optimizer, **self._optimizers}.items():
            optimizer.squares.copy_(torch.from_numpy(initial[name + SQUARES]))

    def arrays(self) -> dict[str, Array]:
        """What a checkpoint holds; copies."""
        arrays = {name: tensor.detach().cpu().numpy().copy() for name, tensor in self._tensors().items()}
        return {**arrays, **_generator_states(self._device)}

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Go on from what `arrays` gave, torch's generators included."""
        with torch.no_grad():
            for name, tensor in self._tensors().items():
                tensor.copy_(torch.from_numpy(arrays[name]))
        torch.set_rng_state(torch.from_numpy(arrays["generator"]))
        if self._device.type == "cuda":
            torch.cuda.set_rng_state(torch.from_numpy(arrays["cuda_generator"]), self._device)

    def _repeats(self, step: Step) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """The last items of the lanes' sessions: rows, lanes and cases; int64 [pairs] each, lane by lane."""
        if not self.shape.repeat_bias:
            nothing = np.empty(0, dtype=np.int64)
            return nothing, nothing, nothing
        rows, counts = self._last.rows[: len(step.inputs)], self._last.counts[: len(step.inputs)]
        last = after_events(LastItems(rows, counts), step.inputs, step.starts)
        rows[:], counts[:] = last
        lane, recency = np.nonzero(rows != UNKNOWN)
        return rows[lane, recency], lane, bias_cases(last)[lane, recency]

    def _update(self, rows: Tensor, values: Tensor, by_rows: Tensor, learning_rate: float) -> None:
        for name, weight in self._weights.items():
            assert weight.grad is not None
            self._optimizers[name].step(weight.grad, learning_rate)
            weight.grad = None
        self._row_optimizer.step_rows(rows, values, by_rows, learning_rate)

    def _tensor(self, array: Array) -> Tensor:
        return torch.from_numpy(array).to(self._device)

    def _tensors(self) -> dict[str, Tensor]:
        """By name, all that a step changes, torch's generators aside."""
        tensors = {"item_matrix": self.item_matrix, "hidden": self.hidden, **self._weights}
        tensors |= {f"last_items.{name}": torch.from_numpy(a) for name, a in self._last._asdict().items()}
        for name, optimizer in {"item_matrix": self._row_optimizer, **self._optimizers}.items():
            tensors[f"{name}.squares"] = optimizer.squares
            if optimizer.velocity is not None:
                tensors[f"{name}.velocity"] = optimizer.velocity
        return tensors


def _generator_states(device: torch.device) -> dict[str, Array]:
    states = {"generator": torch.get_rng_state().numpy()}
    if device.type == "cuda":
        states["cuda_generator"] = torch.cuda.get_rng_state(device).numpy()
    return states
