"""The network: its signature, its shapes, and its ONNX export held to torch, for every shape."""

import numpy as np
import onnxruntime
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from models.encoder_graph import OPSET
from models.gru4rec import EncoderShape, Gru4Rec, initial_item_matrix, serving_vectors
from models.gru4rec_ensemble import Gru4RecEnsemble, ensemble_vectors
from models.gru4rec_export import encoder_spec, export_encoder

TOLERANCE = 2e-5
"""Between torch and ONNX Runtime, absolute, after a session of 20 steps; states are in -1..1."""
PLAIN = EncoderShape(12)
SHAPES = [
    PLAIN,
    EncoderShape(12, cosine_scale=16),
    EncoderShape(12, layers=3),
    EncoderShape(12, event_types=3),
    EncoderShape(12, tied=False),
    EncoderShape(12, layers=2, event_types=3, tied=False, cosine_scale=9),
]


def an_encoder(shape: EncoderShape = PLAIN, seed: int = 3) -> Gru4Rec:
    torch.manual_seed(seed)
    encoder = Gru4Rec(shape, embedding_dropout=0.3, hidden_dropout=0.3).eval()
    for weight in encoder.parameters():
        if weight.dim() == 1 or weight is encoder.type_embeddings:
            torch.nn.init.uniform_(weight, -0.5, 0.5)
    return encoder


def alone(encoder: Gru4Rec) -> Gru4RecEnsemble:
    return Gru4RecEnsemble([encoder])


def run_onnx(
    encoder: Gru4RecEnsemble, item: NDArray[np.float32], event_type: list[int], state: NDArray[np.float32]
) -> list[NDArray[np.float32]]:
    session = onnxruntime.InferenceSession(export_encoder(encoder), providers=["CPUExecutionProvider"])
    inputs = {"item": item, "event_type": np.array(event_type, dtype=np.int64), "state": state}
    found: list[NDArray[np.float32]] = session.run(["query", "next_state"], inputs)
    return found


def items_of(*shape: int) -> NDArray[np.float32]:
    return np.random.default_rng(5).standard_normal(shape, dtype=np.float32)


def zeros(batch: int, shape: EncoderShape = PLAIN) -> NDArray[np.float32]:
    return np.zeros((batch, shape.state_size), dtype=np.float32)


def views(batch: int) -> torch.Tensor:
    return torch.zeros(batch, dtype=torch.long)


def test_query_is_the_hidden_state_and_a_one_for_the_bias() -> None:
    query, state = an_encoder()(torch.from_numpy(items_of(3, 13)), views(3), torch.zeros(3, 12))
    assert torch.equal(query[:, :12], state)
    assert torch.equal(query[:, 12], torch.ones(3))


def test_query_of_a_cosine_scorer_has_the_length_of_its_scale() -> None:
    shape = EncoderShape(12, cosine_scale=16)
    query, state = an_encoder(shape)(torch.from_numpy(items_of(3, 13)), views(3), torch.zeros(3, 12))
    torch.testing.assert_close(query[:, :12].norm(dim=1), torch.full((3,), 16.0))
    torch.testing.assert_close(query[:, :12], 16 * functional.normalize(state, dim=1))


def test_score_of_a_cosine_scorer_is_the_scaled_cosine_and_the_bias() -> None:
    shape = EncoderShape(12, cosine_scale=16)
    matrix = torch.from_numpy(items_of(5, 13))
    query = functional.pad(
        16 * functional.normalize(torch.from_numpy(items_of(1, 12)), dim=1), (0, 1), value=1
    )
    scores = query @ serving_vectors(matrix, shape).T
    cosines = functional.cosine_similarity(query[:, :12], matrix[:, :12])
    torch.testing.assert_close(scores[0], 16 * cosines + matrix[:, 12])


def test_separate_input_embeddings_are_not_scored_and_not_scaled() -> None:
    shape = EncoderShape(12, tied=False, cosine_scale=16)
    matrix = torch.from_numpy(items_of(5, 25))
    served = serving_vectors(matrix, shape)
    assert torch.equal(served[:, :12], matrix[:, :12])
    torch.testing.assert_close(served[:, 12:24].norm(dim=1), torch.ones(5))
    assert torch.equal(served[:, 24], matrix[:, 24])


def test_item_bias_does_not_enter_the_hidden_state() -> None:
    encoder, item = an_encoder(), torch.from_numpy(items_of(2, 13))
    other = item.clone()
    other[:, 12] = 99
    states = [encoder(vectors, views(2), torch.zeros(2, 12))[1] for vectors in (item, other)]
    assert torch.equal(*states)


def test_event_type_enters_the_hidden_state_where_the_shape_has_types() -> None:
    item, zero = torch.from_numpy(items_of(2, 13)), torch.zeros(2, 12)
    typed, untyped = an_encoder(EncoderShape(12, event_types=3)), an_encoder()
    assert not torch.equal(typed(item, views(2), zero)[1], typed(item, views(2) + 2, zero)[1])
    assert torch.equal(untyped(item, views(2), zero)[1], untyped(item, views(2) + 2, zero)[1])


def test_initial_biases_are_zero() -> None:
    matrix = initial_item_matrix(5, EncoderShape(4))
    assert matrix.shape == (5, 5)
    assert torch.equal(matrix[:, 4], torch.zeros(5))
    assert initial_item_matrix(5, EncoderShape(4, tied=False)).shape == (5, 9)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_k_onnx_steps_equal_one_torch_forward_over_the_session(shape: EncoderShape) -> None:
    encoder, steps, batch = an_encoder(shape), 20, 4
    session = items_of(steps, batch, shape.item_dim)
    whole = torch.nn.GRU(12, 12, num_layers=shape.layers)
    for layer, cell in enumerate(encoder.gru_cells()):
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            getattr(whole, f"{name}_l{layer}").data.copy_(getattr(cell, name))
    types = [0, 1, 2, 0]
    with torch.no_grad():
        read = torch.from_numpy(session[:, :, :12])
        if shape.event_types:
            read = read + encoder.type_embeddings[types]
        expected, _ = whole(read)
        if shape.cosine_scale:
            expected = shape.cosine_scale * functional.normalize(expected, dim=2)
    state = zeros(batch, shape)
    for step in range(steps):
        query, state = run_onnx(alone(encoder), session[step], types, state)
        tolerance = TOLERANCE * max(1, shape.cosine_scale)
        np.testing.assert_allclose(query[:, :12], expected[step].numpy(), rtol=0, atol=tolerance)
        np.testing.assert_array_equal(query[:, 12], 1)


def test_exported_graph_takes_any_batch() -> None:
    encoder = an_encoder()
    for batch in (0, 1, 7):
        query, state = run_onnx(alone(encoder), items_of(batch, 13), [0] * batch, zeros(batch))
        assert query.shape == (batch, 13)
        assert state.shape == (batch, 12)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_row_without_an_event_keeps_its_state_and_gives_its_query(shape: EncoderShape) -> None:
    encoder = an_encoder(shape)
    items = items_of(2, shape.item_dim)
    before, state = run_onnx(alone(encoder), items, [0, 1], zeros(2, shape))
    query, next_state = run_onnx(alone(encoder), items, [-1, 0], state)
    np.testing.assert_array_equal(next_state[0], state[0])
    np.testing.assert_allclose(query[0], before[0], rtol=1e-6)
    assert not np.array_equal(next_state[1], state[1])


def test_session_without_a_state_has_a_finite_query() -> None:
    shape = EncoderShape(12, cosine_scale=16)
    query, _ = run_onnx(alone(an_encoder(shape)), items_of(1, 13), [-1], zeros(1, shape))
    np.testing.assert_array_equal(query[0, :12], 0)


def test_spec_tells_the_shapes_of_the_graph() -> None:
    spec = encoder_spec(alone(an_encoder(EncoderShape(12, layers=2, tied=False))))
    assert (spec.item_dim, spec.state_size, spec.index_dim, spec.opset) == (25, 24, 13, OPSET)
    assert spec.event_type_codes == {"view": 0, "cart": 1, "purchase": 2}


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_score_of_an_ensemble_is_the_mean_of_its_members_scores(shape: EncoderShape) -> None:
    members = [an_encoder(shape, seed) for seed in (1, 2, 3)]
    random = np.random.default_rng(9)
    vectors = [
        serving_vectors(
            torch.from_numpy(random.standard_normal((7, shape.item_dim), dtype=np.float32)), shape
        )
        for _ in members
    ]
    events = random.integers(7, size=(4, 2))
    states = [torch.zeros(2, shape.state_size) for _ in members]
    ensemble = Gru4RecEnsemble(members).eval()
    joined = ensemble_vectors([of_member.numpy() for of_member in vectors], shape)
    state = np.zeros((2, ensemble.state_size), dtype=np.float32)
    for items in events:
        scores = []
        for place, member in enumerate(members):
            query, states[place] = member(vectors[place][items], torch.tensor([0, 1]), states[place])
            scores.append(query @ vectors[place][:, -shape.index_dim :].T)
        query_of_all, state = run_onnx(ensemble, joined[items], [0, 1], state)
        expected = torch.stack(scores).mean(dim=0).detach().numpy()
        found = query_of_all @ joined[:, -ensemble.index_dim :].T
        np.testing.assert_allclose(found, expected, rtol=0, atol=TOLERANCE * max(1, shape.cosine_scale))
