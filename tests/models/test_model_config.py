"""The model config: defaults, files, overrides, and one clear line for each mistake."""

from pathlib import Path
from typing import Any

import msgspec
import pytest

from models.model_config import ModelConfig
from models.model_config_file import load_model_config
from schemas.errors import UsageError


def test_without_file_and_overrides_it_is_the_default() -> None:
    assert load_model_config(None) == ModelConfig()


@pytest.mark.parametrize(
    ("name", "text"),
    [("config.toml", "hidden_size = 32\nepochs = 2\n"), ("config.json", '{"hidden_size": 32, "epochs": 2}')],
)
def test_override_wins_over_the_file(tmp_path: Path, name: str, text: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    config = load_model_config(path, {"epochs": 7, "seed": None})
    assert config == ModelConfig(hidden_size=32, epochs=7)


def test_config_survives_json() -> None:
    config = ModelConfig(index="pq_fastscan", learning_rate=0.07)
    assert msgspec.convert(msgspec.json.decode(msgspec.json.encode(config)), ModelConfig) == config


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"learning_rate": 0}, "--learning-rate 0: use 1e-06 to 10"),
        ({"hidden_size": 513}, "--hidden-size 513: use 1 to 512"),
        ({"members": 8}, "model config: hidden_size 100 .* members 8 is more than 512"),
        ({"epochs": 1.5}, r"Expected `int`, got `float` - at `\$.epochs`"),
        ({"session_gap_s": float("nan")}, "--session-gap-s nan: use 0 to 1000000000"),
        ({"epoch": 3}, "contains unknown field `epoch`; the fields are strategy, hidden_size"),
        ({"final_activation": "softmax"}, "final_activation is 'softmax'; use linear, elu"),
        ({"index": "hnsw"}, r"Invalid enum value 'hnsw' - at `\$.index`"),
    ],
)
def test_wrong_value_is_named_with_the_remedy(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        load_model_config(None, fields)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("config.toml", "epochs = ", "config.toml: Invalid value"),
        ("config.json", "{", "config.json: Input data was truncated"),
        ("config.json", "[1]", "config.json: Expected `object`, got `array`"),
        ("config.toml", "epochs = -1", "model config .*config.toml: epochs is -1; use 1 to 1000"),
        ("config.yaml", "epochs: 3", r"must end in .toml or .json"),
    ],
)
def test_unreadable_file_is_named(tmp_path: Path, name: str, text: str, message: str) -> None:
    path = tmp_path / name
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        load_model_config(path)


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none.toml: cannot be read \(No such file"):
        load_model_config(tmp_path / "none.toml")


def test_documented_example_is_a_model_config(tmp_path: Path) -> None:
    page = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    path = tmp_path / "model.toml"
    path.write_text(page.partition("```toml\n")[2].partition("```")[0])
    assert load_model_config(path) != ModelConfig()
