"""AlsConfig: a baseline and a release of ALS mean the same by default."""

import msgspec

from models.als_config import AlsConfig
from models.model_config import ModelConfig


def test_the_defaults_equal_those_of_a_release() -> None:
    release = msgspec.structs.asdict(ModelConfig())
    baseline = msgspec.structs.asdict(AlsConfig())
    assert baseline.pop("seed") == release["seed"]
    assert baseline == {name: release[f"als_{name}"] for name in baseline}
