"""An ensemble of GRU4Recs that serves as one encoder: scores are the mean of the members' scores.

The members have one shape and differ in what they drew at random. Side by side they are one encoder: states
and vectors lie one after the other, and the inner product of the long query with the long vector is the sum
of the members' inner products. So an ensemble costs no more at serving than one model of as many units, and
no more than one encoder step an event. Callers: `retrain.training.training`, `models.gru4rec_export`.
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from models.gru4rec import EncoderShape, Gru4Rec


class Gru4RecEnsemble(nn.Module):
    """One or more trained encoders; the signature of `Gru4Rec`."""

    def __init__(self, members: Sequence[Gru4Rec]) -> None:
        """Serve these members, at least one, of one shape."""
        super().__init__()
        self.shape: EncoderShape = members[0].shape
        assert all(member.shape == self.shape for member in members)
        self._members = nn.ModuleList(members)

    def members(self) -> list[Gru4Rec]:
        """The encoders."""
        return [member for member in self._members if isinstance(member, Gru4Rec)]

    @property
    def state_size(self) -> int:
        """Values of the hidden state: the members' one after the other."""
        return len(self._members) * self.shape.state_size

    @property
    def index_dim(self) -> int:
        """Columns of an item that are scored: the members' output embeddings, and one bias."""
        return len(self._members) * self.shape.hidden_size + 1

    @property
    def item_dim(self) -> int:
        """Columns of an item; where the embeddings are separate, all members' inputs come first."""
        return self.index_dim + (0 if self.shape.tied else len(self._members) * self.shape.hidden_size)

    def repeat_bias(self) -> NDArray[np.float32] | None:
        """The mean of the members' tables, float32, of `models.repeat_bias.TABLE_SHAPE`; None without."""
        if not self.shape.repeat_bias:
            return None
        tables = [member.repeat_bias.detach().numpy() for member in self.members()]
        return np.asarray(np.mean(tables, axis=0, dtype=np.float32))

    def forward(self, item: Tensor, event_type: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One event for each of a batch of sessions; see `Gru4Rec.forward`.

        Args:
            item: float32 [batch, item_dim], rows of `ensemble_vectors`.
            event_type: int64 [batch].
            state: float32 [batch, state_size].

        Returns:
            query float32 [batch, index_dim] and next state float32 [batch, state_size].
        """
        units, members = self.shape.hidden_size, self.members()
        queries, states = [], []
        for place, (member, before) in enumerate(zip(members, state.chunk(len(members), dim=1), strict=True)):
            query, after = member(item[:, place * units : (place + 1) * units], event_type, before)
            queries.append(query[:, :-1] / len(members))
            states.append(after)
        return functional.pad(torch.cat(queries, dim=1), (0, 1), value=1.0), torch.cat(states, dim=1)


def ensemble_vectors(vectors: Sequence[NDArray[np.float32]], shape: EncoderShape) -> NDArray[np.float32]:
    """The members' item vectors as those of the ensemble.

    Args:
        vectors: of each member, float32 [items, shape.item_dim]; see `models.gru4rec.serving_vectors`.
        shape: of a member.

    Returns:
        float32 [items, item_dim of the ensemble]; the bias is the mean of the members' biases.
    """
    units = shape.hidden_size
    inputs = [] if shape.tied else [member[:, :units] for member in vectors]
    outputs = [member[:, -shape.index_dim : -1] for member in vectors]
    bias = np.mean([member[:, -1:] for member in vectors], axis=0, dtype=np.float32)
    return np.concatenate([*inputs, *outputs, bias], axis=1)
