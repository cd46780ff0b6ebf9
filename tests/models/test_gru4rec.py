"""The network: its signature, its loss by hand, and its ONNX export held to torch."""

import math

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from models.gru4rec import Gru4Rec, initial_item_matrix, sampled_cross_entropy
from models.gru4rec_export import OPSET, encoder_spec, export_encoder

TOLERANCE = 1e-5
"""Between torch and ONNX Runtime, absolute, after a session of 20 steps; states and queries are in -1..1."""


def an_encoder(hidden_size: int = 12) -> Gru4Rec:
    torch.manual_seed(3)
    encoder = Gru4Rec(hidden_size, embedding_dropout=0.3, hidden_dropout=0.3).eval()
    torch.nn.init.uniform_(encoder.cell.bias_ih, -0.5, 0.5)
    torch.nn.init.uniform_(encoder.cell.bias_hh, -0.5, 0.5)
    return encoder


def run_onnx(
    encoder: Gru4Rec, item: NDArray[np.float32], event_type: list[int], state: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(export_encoder(encoder), providers=["CPUExecutionProvider"])
    inputs = {"item": item, "event_type": np.array(event_type, dtype=np.int64), "state": state}
    found: list[NDArray[np.float32]] = session.run(["query", "next_state"], inputs)
    return found


def items_of(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).standard_normal(shape, dtype=np.float32)


def test_query_is_the_hidden_state_and_a_one_for_the_bias() -> None:
    query, state = an_encoder()(torch.from_numpy(items_of(3, 13)), torch.zeros(3, 12))
    assert torch.equal(query[:, :12], state)
    assert torch.equal(query[:, 12], torch.ones(3))


def test_item_bias_does_not_enter_the_hidden_state() -> None:
    encoder, item = an_encoder(), torch.from_numpy(items_of(2, 13))
    other = item.clone()
    other[:, 12] = 99
    assert torch.equal(encoder(item, torch.zeros(2, 12))[1], encoder(other, torch.zeros(2, 12))[1])


def test_initial_biases_are_zero() -> None:
    matrix = initial_item_matrix(5, 4)
    assert matrix.shape == (5, 5)
    assert torch.equal(matrix[:, 4], torch.zeros(5))


def test_loss_equals_the_one_computed_by_hand() -> None:
    query = torch.tensor([[1.0, 0.0], [0.0, 2.0]])
    candidates = torch.tensor([[1.0, 1.0], [2.0, 0.0], [0.0, 3.0]])
    loss = sampled_cross_entropy(
        query, candidates, torch.tensor([4, 5, 6]), torch.tensor([0.0, math.log(2), 0.0])
    )
    first = -1 + math.log(math.exp(1) + math.exp(2) / 2 + math.exp(0))
    second = -(0 - math.log(2)) + math.log(math.exp(2) + math.exp(0) / 2 + math.exp(6))
    assert math.isclose(loss.item(), first + second, rel_tol=1e-6)


def test_target_is_never_its_own_negative() -> None:
    query = torch.tensor([[1.0], [1.0]])
    candidates = torch.tensor([[1.0], [1.0], [1.0], [5.0]])
    rows = torch.tensor([7, 7, 7, 8])
    loss = sampled_cross_entropy(query, candidates, rows, torch.zeros(4))
    each = -1 + math.log(math.exp(1) + math.exp(5))
    assert math.isclose(loss.item(), 2 * each, rel_tol=1e-6)


def test_k_onnx_steps_equal_one_torch_forward_over_the_session() -> None:
    encoder, steps, batch = an_encoder(), 20, 4
    session = items_of(steps, batch, 13)
    whole = torch.nn.GRU(12, 12)
    for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
        getattr(whole, f"{name}_l0").data.copy_(getattr(encoder.cell, name))
    with torch.no_grad():
        expected, _ = whole(torch.from_numpy(session[:, :, :12]))
    state: NDArray[np.float32] = np.zeros((batch, 12), dtype=np.float32)
    for step in range(steps):
        query, state = run_onnx(encoder, session[step], [0, 1, 2, 0], state)
        np.testing.assert_allclose(query[:, :12], expected[step].numpy(), rtol=0, atol=TOLERANCE)
        np.testing.assert_array_equal(query[:, 12], 1)


def test_exported_graph_takes_any_batch() -> None:
    encoder = an_encoder()
    for batch in (0, 1, 7):
        query, state = run_onnx(
            encoder, items_of(batch, 13), [0] * batch, np.zeros((batch, 12), dtype=np.float32)
        )
        assert query.shape == (batch, 13)
        assert state.shape == (batch, 12)


def test_row_without_an_event_keeps_its_state_and_gives_its_query() -> None:
    state = items_of(2, 12)
    query, next_state = run_onnx(an_encoder(), items_of(2, 13), [-1, 0], state)
    np.testing.assert_array_equal(next_state[0], state[0])
    np.testing.assert_array_equal(query[0, :12], state[0])
    assert not np.array_equal(next_state[1], state[1])


def test_spec_tells_the_shapes_of_the_graph() -> None:
    spec = encoder_spec(an_encoder())
    assert (spec.item_dim, spec.state_size, spec.index_dim, spec.opset) == (13, 12, 13, OPSET)
    assert spec.event_type_codes == {"view": 0, "cart": 1, "purchase": 2}
