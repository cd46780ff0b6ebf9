"""The fast path of a step: loss and every gradient are autograd's, in double precision."""

import numpy as np
import pytest
import torch
from torch.nn import functional

from models.gru4rec import EncoderShape, Gru4Rec, serving_vectors
from models.model_config import ModelConfig
from retrain.training.closed_form_step import ClosedFormStep, has_closed_form, kept_values
from retrain.training.step_gradient import Lanes, Repeats, StepGradient

ALL_LANES, UNITS, ROWS, SCORED = 7, 6, 12, 9
NO_REPEATS = Repeats(*np.empty((3, 0), dtype=np.int64))
REPEATS = Repeats(
    lanes=np.array([0, 1, 1, 2, 4]), places=np.array([4, 1, 8, 6, 3]), cases=np.array([0, 5, 90, 5, 7])
)
LANES = Lanes(
    targets=np.array([0, 1, 1, 2, 3]),
    inputs=np.array([11, 2, 11, 0, 10]),
    event_types=np.array([0, 2, 1, 1, 0]),
    starts=np.array([True, False, False, True, False]),
    repeats=NO_REPEATS,
)


def an_encoder(event_types: int = 0, hidden_dropout: float = 0.0, repeat_bias: bool = False) -> Gru4Rec:
    torch.manual_seed(3)
    shape = EncoderShape(UNITS, event_types=event_types, cosine_scale=9, repeat_bias=repeat_bias)
    encoder = Gru4Rec(shape, hidden_dropout=hidden_dropout).double()
    for weight in encoder.parameters():
        torch.nn.init.uniform_(weight, -0.8, 0.8)
    return encoder


def drawn(*shape: int, seed: int = 5) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(shape))


def by_autograd(
    encoder: Gru4Rec,
    rows: torch.Tensor,
    correction: torch.Tensor,
    lanes: Lanes,
    hidden: torch.Tensor,
    kept: torch.Tensor,
) -> StepGradient:
    rows = rows.clone().requires_grad_()
    vectors = serving_vectors(rows, encoder.shape)
    before = hidden * torch.from_numpy(~lanes.starts)[:, None]
    _, after = encoder.eval()(
        vectors[torch.from_numpy(lanes.inputs)], torch.from_numpy(lanes.event_types), before
    )
    query = encoder.shape.cosine_scale * functional.normalize(after * kept, dim=1)
    scores = query @ vectors[: len(correction), :-1].t() + vectors[: len(correction), -1] - correction
    for lane, place, case in zip(*lanes.repeats, strict=True):
        gain = torch.zeros_like(scores)
        gain[lane, place] = 1
        scores = scores + gain * (encoder.repeat_bias.flatten()[case] + correction[place])
    loss = functional.cross_entropy(scores, torch.from_numpy(lanes.targets), reduction="sum")
    (loss / ALL_LANES).backward()  # type: ignore[no-untyped-call]
    assert rows.grad is not None
    return StepGradient(loss.item(), rows.grad, after.detach())


def gradients(encoder: Gru4Rec) -> dict[str, torch.Tensor]:
    weights = {name: weight for name, weight in encoder.named_parameters() if weight.numel()}
    return {name: weight.grad for name, weight in weights.items() if weight.grad is not None}


@pytest.mark.parametrize("hidden_dropout", [0, 0.4])
@pytest.mark.parametrize("event_types", [0, 3])
@pytest.mark.parametrize("repeats", [NO_REPEATS, REPEATS], ids=["no repeats", "repeats"])
@pytest.mark.parametrize("starts", [None, True, False], ids=["some", "all", "none"])
def test_step_equals_autograd(
    hidden_dropout: float, event_types: int, starts: bool | None, repeats: Repeats
) -> None:
    lanes = LANES._replace(repeats=repeats)
    lanes = lanes if starts is None else lanes._replace(starts=np.full(5, starts))
    repeat_bias = len(repeats.lanes) > 0
    rows, correction, hidden = drawn(ROWS, UNITS + 1), drawn(SCORED), drawn(5, UNITS, seed=6).tanh()
    encoder = an_encoder(event_types, hidden_dropout, repeat_bias)
    torch.manual_seed(8)
    step = ClosedFormStep(encoder, ALL_LANES).gradient(rows, correction, lanes, hidden)
    found = gradients(encoder)

    torch.manual_seed(8)
    order = np.argsort(lanes.starts, kind="stable")  # as the step draws for the lanes
    kept = torch.ones(5, UNITS)
    drawn_kept = kept_values(kept.shape, hidden_dropout)
    if drawn_kept is not None:
        kept[torch.from_numpy(order)] = drawn_kept
    plain = an_encoder(event_types, repeat_bias=repeat_bias)
    expected = by_autograd(plain, rows, correction, lanes, hidden, kept)
    assert step.loss == pytest.approx(expected.loss, rel=1e-9)
    torch.testing.assert_close(step.by_rows, expected.by_rows)
    torch.testing.assert_close(step.after, expected.after)
    assert found.keys() == {name for name, weight in encoder.named_parameters() if weight.numel()}
    torch.testing.assert_close(found, {name: gradients(plain)[name] for name in found})


def test_target_of_no_probability_leaves_the_loss_finite() -> None:
    rows, hidden, far = drawn(ROWS, UNITS + 1), drawn(5, UNITS), 1e4 * drawn(SCORED).abs()
    encoder = an_encoder().float()
    step = ClosedFormStep(encoder, ALL_LANES).gradient(rows.float(), far.float(), LANES, hidden.float())
    assert np.isfinite(step.loss)
    assert step.loss > 80


@pytest.mark.parametrize("dropout", [0.25, 1e-9, 0.95])
def test_values_are_dropped_as_often_as_asked(dropout: float) -> None:
    torch.manual_seed(2)
    kept = kept_values(torch.Size((399, 251)), dropout)
    assert kept is not None
    assert torch.equal(kept, kept.bool().float())
    assert kept.mean().item() == pytest.approx(1 - dropout, abs=0.005)


def test_nothing_is_drawn_without_dropout() -> None:
    assert kept_values(torch.Size((3, 2)), 0) is None


@pytest.mark.parametrize(
    "config",
    [
        ModelConfig(loss="bpr_max"),
        ModelConfig(final_activation="elu"),
        ModelConfig(label_smoothing=0.1),
        ModelConfig(layers=2),
        ModelConfig(tied_embeddings=False),
        ModelConfig(cosine_scale=0),
        ModelConfig(embedding_dropout=0.1),
    ],
)
def test_other_networks_have_no_closed_form(config: ModelConfig) -> None:
    shape = EncoderShape(
        config.hidden_size,
        layers=config.layers,
        tied=config.tied_embeddings,
        cosine_scale=config.cosine_scale,
    )
    assert not has_closed_form(config, shape)
    assert has_closed_form(ModelConfig(), EncoderShape(100, event_types=4, cosine_scale=16))
