"""Times in publishers' files: seconds, milliseconds, … of the epoch, or ISO 8601 -> epoch milliseconds.

Owns the forms, telling them apart, and the plausible range. Callers: `retrain.importers.typed_columns`,
`retrain.importers.otto`.

The first time of a file tells the form of all: a number is read in the unit that puts it between 1990 and
2100. Units lie a factor of 1000 apart and that range only 7, so no number fits two; a number that fits none,
such as 3000, needs `--time-unit`, which also lifts the range (then 1970 to 9999).
"""

from typing import Literal, get_args

import polars as pl

from schemas.errors import UsageError
from schemas.timestamps import MAX_TIME_MS

TimeUnit = Literal["auto", "s", "ms", "us", "ns", "iso"]
TIME_UNITS: tuple[TimeUnit, ...] = get_args(TimeUnit)
_PER_MS: dict[TimeUnit, float] = {"s": 1e-3, "ms": 1, "us": 1e3, "ns": 1e6}
PLAUSIBLE_MS = (631_152_000_000, 4_102_444_800_000)
"""1990 to 2100."""
_NUMBER = r"^[0-9]{1,19}(\.[0-9]*)?$"
_ISO = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d")
_ISO_WITH_OFFSET = ("%Y-%m-%d %H:%M:%S%.f%z", "%Y-%m-%d %H:%M:%S%.f %z")


class EventTimes:
    """Reads the times of one file, all in the form of the first.

    `zoneless` tells whether any was ISO 8601 without a zone, and so taken as UTC.
    """

    def __init__(self, unit: TimeUnit = "auto") -> None:
        """Start a file whose times are in `unit`; `auto`: the first one tells."""
        self.unit: TimeUnit = unit
        self.zoneless = False
        self._told = unit == "auto"
        self._range = PLAUSIBLE_MS if self._told else (0, MAX_TIME_MS + 1)

    def epoch_ms(self, texts: pl.Series) -> pl.Series:
        """Times as written -> epoch milliseconds, rounded down.

        Args:
            texts: strings.

        Returns:
            Int64, null where a text is no time in the file's form or lies out of range.
        """
        if self.unit == "auto":
            self.unit = next((detected_unit(text) for text in texts.drop_nulls()[:1]), "auto")
        times = self._iso_ms(texts) if self.unit in ("auto", "iso") else self._number_ms(texts)
        return times.set(~times.is_between(*self._range, closed="left"), None)

    def wanted(self) -> str:
        """What a time that was refused should have been, and the remedy."""
        if self.unit == "auto":
            return (
                "its unit cannot be told, as in none it lies from 1990 to 2100; "
                "give --time-unit s, ms, us or ns, or write 2019-10-01T00:00:00Z"
            )
        form = (
            "a time such as 2019-10-01T00:00:00Z" if self.unit == "iso" else f"an epoch time in {self.unit}"
        )
        if self._told:
            return f"{form} from 1990 to 2100 is needed, as in the file's first time; else give --time-unit"
        return f"{form} from 1970 to 9999 is needed, as --time-unit {self.unit} says"

    def _number_ms(self, texts: pl.Series) -> pl.Series:
        number = texts.set(~texts.str.contains(_NUMBER), None)
        units = number.cast(pl.Int64, strict=False)
        if units.null_count() == number.null_count():
            return self._units_ms(units)
        parts = number.str.splitn(".", 2).struct.unnest()
        thousandths = parts["field_1"].str.slice(0, 3).str.pad_end(3, "0")
        rest = thousandths.cast(pl.Int64).fill_null(0) if self.unit == "s" else 0
        return self._units_ms(parts["field_0"].cast(pl.Int64, strict=False)) + rest

    def _units_ms(self, units: pl.Series) -> pl.Series:
        if self.unit == "s":
            return units.clip(upper_bound=MAX_TIME_MS) * 1000
        return units // round(_PER_MS[self.unit])

    def _iso_ms(self, texts: pl.Series) -> pl.Series:
        text = texts.str.strip_chars()
        utc = text.str.ends_with("Z") | text.str.ends_with(" UTC")
        bare = text.str.strip_suffix("Z").str.strip_suffix(" UTC").str.replace("T", " ", literal=True)
        local = _parsed(bare, _ISO)
        self.zoneless |= bool((local.is_not_null() & ~utc).any())
        if local.null_count() == bare.null_count():
            return local
        return local.zip_with(local.is_not_null(), _parsed(bare.set(utc, None), _ISO_WITH_OFFSET))


def time_unit_named(name: str) -> TimeUnit:
    """The unit of that name.

    Raises:
        UsageError: there is none.
    """
    for unit in TIME_UNITS:
        if unit == name:
            return unit
    raise UsageError(f"--time-unit {name}: one of {', '.join(TIME_UNITS)} is needed")


def detected_unit(text: str) -> TimeUnit:
    """The form of a time: its unit where a number is plausible, `auto` where none is, else `iso`."""
    try:
        number = float(text)
    except ValueError:
        return "iso"
    for unit, per_ms in _PER_MS.items():
        if PLAUSIBLE_MS[0] <= number / per_ms < PLAUSIBLE_MS[1]:
            return unit
    return "auto"


def _parsed(texts: pl.Series, formats: tuple[str, ...]) -> pl.Series:
    """Epoch milliseconds by the first of the formats that fits, null where none does."""
    times = pl.Series([None], dtype=pl.Int64).new_from_index(0, len(texts))
    for form in formats:
        rest = texts.set(times.is_not_null(), None)
        if rest.null_count() == len(rest):
            break
        parsed = rest.str.to_datetime(form, time_unit="ms", strict=False)
        times = times.zip_with(times.is_not_null(), parsed.dt.epoch("ms"))
    return times
