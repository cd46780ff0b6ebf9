"""GRU4Rec in torch: one GRU step over the embedding of an item, scored against the items' output embeddings.

Written from Hidasi et al. 2016 (session-based recommendations with recurrent neural networks), Hidasi &
Karatzoglou 2018 (top-k gains: sampled negatives, tied embeddings) and Hidasi & Czapp 2023 (which details
matter); scores as scaled cosines from Gupta et al. 2019 (NISER). Owns the network and the columns of the item
matrix; the matrix is an argument: a training step has a few of its rows. Callers:
the modules of `retrain.training`, `models.gru4rec_export`. Nothing that serves imports this module.
"""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from models.repeat_bias import TABLE_SHAPE

GATES = 3
"""Reset r, update z and candidate n, in the order of torch's weights."""


@dataclass(frozen=True)
class EncoderShape:
    """What decides the shapes of the network."""

    hidden_size: int
    """Units of each layer = dimensions of an item's embeddings."""
    layers: int = 1
    """GRU layers, one reading the hidden state of the other."""
    event_types: int = 0
    """Kinds of events that have an embedding, added to the item's; 0: the type is not read."""
    tied: bool = True
    """Whether an item has one embedding for both input and output (constrained embeddings)."""
    cosine_scale: float = 0.0
    """A score is this times the cosine of query and item, and the item's bias; 0: their inner product."""
    repeat_bias: bool = False
    """Whether there is a table of what the scores of a session's last items gain."""

    @property
    def state_size(self) -> int:
        """Values of the hidden state: all layers, the lowest first."""
        return self.layers * self.hidden_size

    @property
    def index_dim(self) -> int:
        """Columns of an item that are scored: its output embedding and its bias."""
        return self.hidden_size + 1

    @property
    def item_dim(self) -> int:
        """Columns of an item: where the embeddings are separate, the input's come first."""
        return self.index_dim if self.tied else self.hidden_size + self.index_dim


class Gru4Rec(nn.Module):
    """The encoder: an item's vector and the session's hidden state in, the query and the next state out."""

    def __init__(
        self, shape: EncoderShape, embedding_dropout: float = 0.0, hidden_dropout: float = 0.0
    ) -> None:
        """Draw initial weights from torch's global generator.

        Args:
            shape: of the network.
            embedding_dropout: of the input embedding, in training only.
            hidden_dropout: of each layer's hidden state as the next layer and the scores see it, in training
                only.
        """
        super().__init__()
        self.shape = shape
        self.embedding_dropout = embedding_dropout
        self.hidden_dropout = hidden_dropout
        units = shape.hidden_size
        self.cells = nn.ModuleList(nn.GRUCell(units, units) for _ in range(shape.layers))
        self.type_embeddings = nn.Parameter(torch.zeros(shape.event_types, units))
        self.repeat_bias = nn.Parameter(torch.zeros(TABLE_SHAPE if shape.repeat_bias else 0))
        """See `models.repeat_bias`; trained with the network, added where its scores are ranked."""
        for cell in self.gru_cells():
            _initialise(cell)

    def forward(self, item: Tensor, event_type: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One event for each of a batch of sessions.

        Args:
            item: float32 [batch, item_dim], rows of `serving_vectors`.
            event_type: int64 [batch], codes.
            state: float32 [batch, state_size]; zeros for a session that starts.

        Returns:
            query float32 [batch, index_dim], whose inner product with the last `index_dim` columns of an
            item is the item's score (its last value is 1 and takes the bias), and the next state, float32
            [batch, state_size].
        """
        read = item[:, : self.shape.hidden_size]
        if self.shape.event_types:
            read = read + functional.embedding(event_type, self.type_embeddings)
        read = functional.dropout(read, self.embedding_dropout, self.training)
        hidden: list[Tensor] = []
        for cell, before in zip(self.gru_cells(), state.chunk(self.shape.layers, dim=1), strict=True):
            hidden.append(cell(read, before))
            read = functional.dropout(hidden[-1], self.hidden_dropout, self.training)
        if self.shape.cosine_scale:
            read = self.shape.cosine_scale * functional.normalize(read, dim=1)
        return functional.pad(read, (0, 1), value=1.0), torch.cat(hidden, dim=1)

    def gru_cells(self) -> list[nn.GRUCell]:
        """The layers, the lowest first."""
        return [cell for cell in self.cells if isinstance(cell, nn.GRUCell)]


def initial_item_matrix(items: int, shape: EncoderShape) -> Tensor:
    """Float32 [items, item_dim]: small random embeddings, and biases (the last column) of zero."""
    bound = (0.75 / shape.hidden_size) ** 0.5
    matrix = torch.empty(items, shape.item_dim).uniform_(-bound, bound)
    matrix[:, -1] = 0
    return matrix


def serving_vectors(matrix: Tensor, shape: EncoderShape) -> Tensor:
    """Rows of the item matrix as they are read and scored: where scores are cosines, of length one.

    Args:
        matrix: float32 [n, item_dim], rows that are trained.
        shape: of the network.

    Returns:
        float32 [n, item_dim].
    """
    if not shape.cosine_scale:
        return matrix
    first = shape.item_dim - shape.index_dim
    scored = functional.normalize(matrix[:, first:-1], dim=1)
    return torch.cat([matrix[:, :first], scored, matrix[:, -1:]], dim=1)


def _initialise(cell: nn.GRUCell) -> None:
    """Input weights by Glorot, recurrent ones orthogonal, gate by gate; biases zero."""
    for input_weight, hidden_weight in zip(
        cell.weight_ih.data.chunk(GATES), cell.weight_hh.data.chunk(GATES), strict=True
    ):
        nn.init.xavier_uniform_(input_weight)
        nn.init.orthogonal_(hidden_weight)
    nn.init.zeros_(cell.bias_ih)
    nn.init.zeros_(cell.bias_hh)
