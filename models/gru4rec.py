"""GRU4Rec in torch: one GRU step over the embedding of an item, scored against the tied output embeddings.

Written from Hidasi et al. 2016 (session-based recommendations with recurrent neural networks), Hidasi &
Karatzoglou 2018 (top-k gains: sampled negatives, tied embeddings) and Hidasi & Czapp 2023 (which details
matter). Owns the network and its loss; the item matrix is an argument: a step trains a few of its rows.
Callers: `retrain.training`, `models.gru4rec_export`. Nothing that serves imports this module.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

GATES = 3
"""Reset r, update z and candidate n, in the order of torch's weights."""


class Gru4Rec(nn.Module):
    """The encoder: an item's vector and the session's hidden state in, the query and the next state out."""

    def __init__(self, hidden_size: int, embedding_dropout: float = 0.0, hidden_dropout: float = 0.0) -> None:
        """Draw initial weights from torch's global generator.

        Args:
            hidden_size: units of the GRU = dimensions of an item embedding.
            embedding_dropout: of the input embedding, in training only.
            hidden_dropout: of the hidden state before scoring, in training only.
        """
        super().__init__()
        self.hidden_size = hidden_size
        self.embedding_dropout = embedding_dropout
        self.hidden_dropout = hidden_dropout
        self.cell = nn.GRUCell(hidden_size, hidden_size)
        self._initialise()

    def forward(self, item: Tensor, state: Tensor) -> tuple[Tensor, Tensor]:
        """One event for each of a batch of sessions.

        Args:
            item: float32 [batch, hidden_size + 1], rows of the item matrix; the bias (last) is not read.
            state: float32 [batch, hidden_size]; zeros for a session that starts.

        Returns:
            query float32 [batch, hidden_size + 1], whose inner product with a row of the item matrix is
            the item's score (its last value is 1 and takes the bias), and the next state, float32
            [batch, hidden_size].
        """
        embedding = functional.dropout(item[:, : self.hidden_size], self.embedding_dropout, self.training)
        hidden: Tensor = self.cell(embedding, state)
        scored = functional.dropout(hidden, self.hidden_dropout, self.training)
        return functional.pad(scored, (0, 1), value=1.0), hidden

    def _initialise(self) -> None:
        """Input weights by Glorot, recurrent ones orthogonal, gate by gate; biases zero."""
        for gate in range(GATES):
            rows = slice(gate * self.hidden_size, (gate + 1) * self.hidden_size)
            nn.init.xavier_uniform_(self.cell.weight_ih.data[rows])
            nn.init.orthogonal_(self.cell.weight_hh.data[rows])
        nn.init.zeros_(self.cell.bias_ih)
        nn.init.zeros_(self.cell.bias_hh)


def initial_item_matrix(items: int, hidden_size: int) -> Tensor:
    """Float32 [items, hidden_size + 1]: small random embeddings, and biases (the last column) of zero."""
    bound = (0.75 / hidden_size) ** 0.5
    matrix = torch.empty(items, hidden_size + 1).uniform_(-bound, bound)
    matrix[:, -1] = 0
    return matrix


def sampled_cross_entropy(
    query: Tensor, candidates: Tensor, candidate_rows: Tensor, log_expected_count: Tensor
) -> Tensor:
    """Cross-entropy of each query's target among the candidates of the batch, summed over the batch.

    A candidate that is a query's target in another place is masked, so that no target is its own negative.
    Scores are lowered by the logarithm of how often the item is expected among the candidates: without
    this (logQ) correction popular items are pushed down for being sampled often.

    Args:
        query: float32 [batch, dim].
        candidates: float32 [batch + negatives, dim], rows of the item matrix, the targets first.
        candidate_rows: int64 [batch + negatives], the items that they are.
        log_expected_count: float32 [batch + negatives].
    """
    batch = len(query)
    scores = query @ candidates.T - log_expected_count
    again = candidate_rows[:batch, None] == candidate_rows[None, :]
    again.fill_diagonal_(fill_value=False)
    return functional.cross_entropy(
        scores.masked_fill(again, -torch.inf), torch.arange(batch), reduction="sum"
    )
