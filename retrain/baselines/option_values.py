"""The values that a baseline's options may have, in words.

Caller: `retrain.baselines.registry`, for the message about a wrong one.
"""

from collections.abc import Mapping

import msgspec
from msgspec.inspect import FloatType, IntType, LiteralType, StructType, Type, type_info


def wrong_value(config: type[msgspec.Struct], options: Mapping[str, str]) -> str:
    """Which option is wrong, and what it may be, as in `steps is 0; use a whole number, at least 1`.

    Args:
        config: of the baseline.
        options: by name, as text; all names are known, and a value is wrong.
    """
    info = type_info(config)
    assert isinstance(info, StructType)
    allowed = {field.name: field.type for field in info.fields}
    for option, value in options.items():
        try:
            msgspec.convert({option: value}, config, strict=False)
        except msgspec.ValidationError:
            return f"{option} is {value}; use {_in_words(allowed[option])}"
    raise AssertionError("no value is wrong")


def _in_words(allowed: Type) -> str:
    if isinstance(allowed, LiteralType):
        return " or ".join(str(value) for value in allowed.values)
    assert isinstance(allowed, IntType | FloatType)
    bounds = {
        "above": allowed.gt, "at least": allowed.ge, "below": allowed.lt, "at most": allowed.le,
    }  # fmt: skip
    kind = "a whole number" if isinstance(allowed, IntType) else "a number"
    return f"{kind}, " + " and ".join(
        f"{name} {bound}" for name, bound in bounds.items() if bound is not None
    )
