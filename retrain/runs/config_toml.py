"""A model config as TOML text, as `millrace train --config` reads it.

Callers: `retrain.runs.run_folder`, `millrace tune`.
"""

import json
from collections.abc import Mapping
from typing import Any

import msgspec

from models.model_config import ModelConfig


def config_toml(config: ModelConfig, comments: Mapping[str, str] | None = None) -> str:
    """A line for each field, those that are None left out.

    Args:
        config: what to write.
        comments: a remark behind a field.
    """
    remarks = comments or {}
    fields: dict[str, Any] = msgspec.to_builtins(config)
    lines = [
        f"{name} = {_value(value)}" + (f"  # {remarks[name]}" if name in remarks else "")
        for name, value in fields.items()
        if value is not None
    ]
    return "\n".join(lines) + "\n"


def _value(value: object) -> str:
    """Numbers, truth values, strings and lists of them are written in TOML as in JSON."""
    return json.dumps(value, ensure_ascii=False)
