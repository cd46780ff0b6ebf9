"""A tuning's space: what it may say, and what it draws."""

from pathlib import Path
from typing import Any

import optuna
import pytest

from models.model_config import ModelConfig
from retrain.tuning.tuning_search import draw, narrowed, sampler, with_values
from retrain.tuning.tuning_space import DEFAULT_SPACE, Choices, Range, Space, parse_space, read_space
from schemas.errors import UsageError

BASE = ModelConfig()
SPACE: Space = {
    "learning_rate": Range(0.01, 1, whole=False, log=True),
    "epochs": Range(2, 10, whole=True),
    "hidden_dropout": Range(0, 0.8, whole=False, step=0.2),
    "batch_size": Choices((32, 64, 128)),
}
TEXT = """
learning_rate = {low = 0.01, high = 1, log = true}
epochs = {low = 2, high = 10}
hidden_dropout = {low = 0, high = 0.8, step = 0.2}
batch_size = {choices = [32, 64, 128]}
"""


def drawn(seed: int, trials: int) -> list[dict[str, Any]]:
    study = optuna.create_study(direction="maximize")
    values = []
    for done in range(trials):
        study.sampler = sampler(seed, done)
        trial = study.ask()
        values.append(draw(trial, SPACE))
        study.tell(trial, float(values[-1]["learning_rate"]))
    return values


def test_ranges_and_choices_are_read() -> None:
    assert parse_space(TEXT, BASE) == SPACE


def test_default_space_is_a_space() -> None:
    assert "learning_rate" in parse_space(read_space(None), BASE)


def test_documented_default_space_is_the_one_there_is() -> None:
    page = Path(__file__).parents[3] / "docs" / "training.md"
    assert DEFAULT_SPACE in page.read_text()


def test_space_of_a_file_is_its_text(tmp_path: Path) -> None:
    (tmp_path / "space.toml").write_text(TEXT)
    assert read_space(tmp_path / "space.toml") == TEXT
    with pytest.raises(UsageError, match=r"--space .*none\.toml: cannot be read"):
        read_space(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("learning_rate = [", "tuning space: "),
        ("learning_rate = 3", "tuning space: .*with low and high, or with choices"),
        ("[learning_rate]\nlowest = 1", "lowest"),
        ("", "no field in it"),
        ("[speed]\nlow = 1\nhigh = 2", "speed is no field of the model config; they are .*hidden_size, "),
        ("[seed]\nlow = 1\nhigh = 2", "seed is not tuned: a model is not better by its seed"),
        ("[test_share]\nlow = 0\nhigh = 0.5", "test_share is not tuned"),
        ("[epochs]\nlow = 1", "epochs: give low and high, or choices"),
        ("[epochs]\nlow = 3\nhigh = 3", "epochs: low is 3 and high 3; low must be the smaller one"),
        ("[epochs]\nlow = 1.5\nhigh = 3", "epochs is a whole number"),
        ("[epochs]\nlow = 1\nhigh = 3000", "epochs: 3000 will not do: .*use 1 to 1000"),
        ("[epochs]\nlow = 1\nhigh = 4\nstep = 5", "epochs: step is 5; give more than 0, at most high - low"),
        ("[logq]\nlow = 0\nhigh = 1\nlog = true", "logq: with log, low must be above 0"),
        ("[batch_size]\nchoices = []", "batch_size: choices is empty"),
        ("[batch_size]\nchoices = [1]\nlow = 1", "batch_size: give choices, or low and high, not both"),
        ("[batch_size]\nchoices = ['many']", "batch_size: 'many' will not do: "),
        ("[index]\nlow = 1\nhigh = 2", "index is no number: give choices"),
    ],
)
def test_wrong_space_is_refused_by_the_name_of_the_field(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        parse_space(text, BASE)


def test_same_seed_and_outcomes_draw_the_same_values() -> None:
    assert drawn(1, 9) == drawn(1, 9)
    assert drawn(1, 3) != drawn(2, 3)


def test_drawn_values_lie_in_the_space() -> None:
    for values in drawn(3, 20):
        assert 0.01 <= values["learning_rate"] <= 1
        assert values["epochs"] in range(2, 11)
        assert min(abs(values["hidden_dropout"] - at) for at in (0, 0.2, 0.4, 0.6, 0.8)) < 1e-9
        assert values["batch_size"] in (32, 64, 128)
        with_values(BASE, values)


def test_numbers_of_a_trial_are_rounded_to_what_a_person_reads() -> None:
    config = with_values(BASE, {"learning_rate": 0.12345678, "hidden_dropout": 0.1 + 0.2, "epochs": 3})
    assert (config.learning_rate, config.hidden_dropout, config.epochs) == (0.123457, 0.3, 3)


def test_narrowed_space_lies_around_the_best_values_within_the_old_one() -> None:
    best = [
        {"learning_rate": 0.1, "epochs": 4, "hidden_dropout": 0.2, "batch_size": 64},
        {"learning_rate": 0.2, "epochs": 5, "hidden_dropout": 0.4, "batch_size": 32},
        {"learning_rate": 0.4, "epochs": 8, "hidden_dropout": 0.6, "batch_size": 32},
    ]
    around = narrowed(SPACE, best)
    assert around["epochs"] == Range(3, 9, whole=True)
    assert around["hidden_dropout"] == Range(0, 0.8, whole=False, step=0.2)
    assert around["batch_size"] == Choices((32, 64))
    rate = around["learning_rate"]
    assert isinstance(rate, Range)
    assert (rate.low, rate.high) == pytest.approx((0.1 / 4**0.25, 0.4 * 4**0.25))


def test_best_values_that_are_all_alike_leave_their_neighbors_to_try() -> None:
    alike = {"learning_rate": 0.1, "epochs": 2, "hidden_dropout": 0.4, "batch_size": 128}
    around = narrowed(SPACE, [alike] * 3)
    assert around["epochs"] == Range(2, 3, whole=True)
    dropout = around["hidden_dropout"]
    assert isinstance(dropout, Range)
    assert (dropout.low, dropout.high) == pytest.approx((0.2, 0.6))
    assert around["batch_size"] == Choices((128,))
    rate = around["learning_rate"]
    assert isinstance(rate, Range)
    assert (rate.low, rate.high) == pytest.approx((0.1 / 100**0.05, 0.1 * 100**0.05))


def test_space_around_too_few_values_stays_whole() -> None:
    some = {"learning_rate": 1.0, "epochs": 2, "hidden_dropout": 0.8, "batch_size": 128}
    assert narrowed(SPACE, [some] * 2) == narrowed(SPACE, []) == SPACE
