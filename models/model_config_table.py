"""The table of the model config: field, default, range, meaning. Generated from `ModelConfig`.

The meanings are the docstrings of its fields, which only its source text has. Callers: `millrace config
--markdown`, the test that holds `docs/configuration.md` equal to it.
"""

import ast
import inspect
from typing import get_args

import msgspec

from models.model_config import RANGES, ModelConfig


def model_config_markdown() -> str:
    """The second table of `docs/configuration.md`."""
    meanings = _meanings()
    lines = ["| field | default | range | meaning |", "|---|---|---|---|"]
    lines += [
        f"| `{field.name}` | `{field.default}` | {_range(field)} | {meanings[field.name]} |"
        for field in msgspec.structs.fields(ModelConfig)
    ]
    return "\n".join(lines)


def _range(field: msgspec.structs.FieldInfo) -> str:
    if field.name in RANGES:
        least, greatest = RANGES[field.name]
        return f"{least:,} to {greatest:,}"
    if field.type is bool:
        return "`true`, `false`"
    if field.type is str:
        return "see there"
    if choices := get_args(field.type):
        return ", ".join(f"`{choice}`" for choice in choices)
    raise TypeError(f"ModelConfig.{field.name} has neither a range nor choices")


def _meanings() -> dict[str, str]:
    """Each field's docstring, without its full stop and on one line."""
    (definition,) = ast.parse(inspect.getsource(ModelConfig)).body
    assert isinstance(definition, ast.ClassDef)
    meanings = {}
    for field, said in zip(definition.body, definition.body[1:], strict=False):
        match field, said:
            case (
                ast.AnnAssign(target=ast.Name(id=name)),
                ast.Expr(value=ast.Constant(value=str(text))),
            ):
                meanings[name] = " ".join(text.split()).removesuffix(".").replace("**", r"\*\*")
    return meanings
