"""The table of all settings: variable, default, present value, meaning. Generated from the settings classes.

Callers: `millrace config`, the test that holds `docs/configuration.md` equal to it. Secrets are never shown.
"""

import sys
from collections.abc import Collection, Mapping

import msgspec
from pydantic.fields import FieldInfo
from rich.console import Console
from rich.markup import escape
from rich.table import Column, Table

from schemas.settings import PREFIX, SharedSettings, shown

ALL_PROGRAMS = "all"
_PIPED_WIDTH = 200


class DescribedSetting(msgspec.Struct, frozen=True):
    """One setting, in words."""

    variable: str
    programs: str
    """The programs that read it, comma-separated; `all` for the shared ones."""
    default: str
    value: str
    """What the environment gives; empty where it gives nothing."""
    meaning: str


def describe_settings(
    programs: Mapping[str, type[SharedSettings]], environment: Mapping[str, str]
) -> list[DescribedSetting]:
    """Every setting of every program, the shared ones first.

    Args:
        programs: name of a program -> its settings.
        environment: the variables as they are.
    """
    readers: dict[str, list[str]] = {}
    fields: dict[str, FieldInfo] = {}
    everything: dict[str, type[SharedSettings]] = {ALL_PROGRAMS: SharedSettings, **programs}
    for program, settings in everything.items():
        for name, field in settings.model_fields.items():
            if program == ALL_PROGRAMS or name not in SharedSettings.model_fields:
                readers.setdefault(name, []).append(program)
                fields.setdefault(name, field)
    return [_described(name, field, readers[name], environment) for name, field in fields.items()]


def settings_markdown(described: list[DescribedSetting]) -> str:
    """The table of `docs/configuration.md`; it does not depend on the environment."""
    lines = ["| variable | read by | default | meaning |", "|---|---|---|---|"]
    for one in described:
        default = f"`{one.default}`" if one.default else ""
        lines.append(f"| `{one.variable}` | {one.programs} | {default} | {one.meaning} |".replace("  ", " "))
    return "\n".join(lines)


def settings_table(described: list[DescribedSetting], wrong: Collection[str]) -> None:
    """Print the settings, with what the environment gives, to standard output.

    Args:
        described: the settings.
        wrong: the variables whose value cannot be used; they are marked.
    """
    table = Table(Column("variable", no_wrap=True), "read by", "default", "set to", "meaning", box=None)
    for one in described:
        value = f"{one.value} (wrong)" if one.variable in wrong else one.value
        table.add_row(*map(escape, (one.variable, one.programs, one.default, value, one.meaning)))
    Console(width=None if sys.stdout.isatty() else _PIPED_WIDTH).print(table)


def _described(
    name: str, field: FieldInfo, programs: list[str], environment: Mapping[str, str]
) -> DescribedSetting:
    variable = f"{PREFIX}{name.upper()}"
    value = environment.get(variable, "")
    return DescribedSetting(
        variable=variable,
        programs=", ".join(programs),
        default=_in_words(field.get_default()),
        value=value and shown(value, secret=not field.repr),
        meaning=field.description or "",
    )


def _in_words(default: object) -> str:
    """A default as one would write it into the variable."""
    match default:
        case None:
            return ""
        case bool():
            return str(default).lower()
        case dict():
            return ",".join(f"{key}={value}" for key, value in default.items())
        case list():
            return ",".join(str(part) for part in default)
        case _:
            return str(default)
