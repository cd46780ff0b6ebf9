"""Times of publishers' files: seconds to nanoseconds and ISO 8601, told apart by the first."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retrain.importers.event_times import EventTimes, TimeUnit

TIME_MS = 1_396_867_869_277
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def read(*texts: str | None, unit: TimeUnit = "auto") -> list[int | None]:
    return EventTimes(unit).epoch_ms(pl.Series(texts, dtype=pl.String)).to_list()


@pytest.mark.parametrize(
    ("text", "time_ms"),
    [
        ("1396867869", 1_396_867_869_000),
        ("1396867869.277", TIME_MS),
        ("1396867869277", TIME_MS),
        ("1396867869277.0", TIME_MS),
        ("1396867869277999", TIME_MS),
        ("1396867869277999999", TIME_MS),
        ("2014-04-07T10:51:09.277Z", TIME_MS),
        ("2014-04-07 10:51:09.277999 UTC", TIME_MS),
        ("2014-04-07T12:51:09.277+02:00", TIME_MS),
        ("2014-04-07 05:21:09.277 -0530", TIME_MS),
        (" 2014-04-07 10:51:09.277 ", TIME_MS),
        ("2014-04-07 10:51", 1_396_867_860_000),
        ("2014-04-07", 1_396_828_800_000),
    ],
)
def test_every_form_is_read(text: str, time_ms: int) -> None:
    assert read(text) == [time_ms]


@pytest.mark.parametrize(
    "text",
    [
        "",
        "soon",
        "3000",
        "-1396867869",
        "1.39687E+12",
        "nan",
        "1969-12-31T23:59:59Z",
        "2100-01-01T00:00:00Z",
        "0014-04-07",
        "2014-02-30",
        "2014-04-07T25:00:00Z",
        "07.04.2014",
        "2014-04-07T10:51:09 CET",
        "2014-04-07T12:51:09+02:00Z",
        "9999999999999999999",
        "99999999999999999999",
        None,
    ],
)
def test_what_is_no_plausible_time_is_none(text: str | None) -> None:
    assert read(text) == [None]


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ("1396867869", "1396867869277"),
        ("1396867869277", "1396867869"),
        ("1396867869277", "2014-04-07T10:51:09Z"),
        ("2014-04-07T10:51:09Z", "1396867869277"),
        ("1396867869", "9396867869277000000"),
    ],
)
def test_other_forms_than_that_of_the_first_are_none(first: str, other: str) -> None:
    assert read(first, other, first)[1:] == [None, read(first)[0]]


def test_later_blocks_are_held_to_the_form_of_the_first() -> None:
    times = EventTimes()
    assert times.epoch_ms(pl.Series([None], dtype=pl.String)).to_list() == [None]
    assert times.epoch_ms(pl.Series(["1396867869277"])).to_list() == [TIME_MS]
    assert times.epoch_ms(pl.Series(["1396867869"])).to_list() == [None]


@pytest.mark.parametrize(
    ("unit", "text", "time_ms"),
    [
        ("s", "3000", 3_000_000),
        ("ms", "3000", 3000),
        ("us", "3999", 3),
        ("ns", "3999999", 3),
        ("iso", "1970-01-01T00:00:03Z", 3000),
        ("iso", "9999-12-31T23:59:59.999Z", 253_402_300_799_999),
        ("s", "253402300800", None),
        ("s", "9223372036854776", None),
        ("s", "-1", None),
        ("iso", "1969-12-31T23:59:59Z", None),
    ],
)
def test_unit_that_is_given_lifts_the_plausible_range(unit: TimeUnit, text: str, time_ms: int | None) -> None:
    assert read(text, unit=unit) == [time_ms]


@pytest.mark.parametrize(
    ("texts", "zoneless"),
    [
        (["2014-04-07 10:51:09"], True),
        (["2014-04-07T10:51:09Z", "2014-04-07"], True),
        (["2014-04-07T10:51:09Z", "2014-04-07 10:51:09 UTC", "2014-04-07T10:51:09+00:00"], False),
        (["1396867869277"], False),
    ],
)
def test_times_without_a_zone_are_noticed(texts: list[str], zoneless: bool) -> None:
    times = EventTimes()
    times.epoch_ms(pl.Series(texts))
    assert times.zoneless is zoneless


@settings(deadline=None)
@given(st.integers(631_152_000_000, 4_102_444_799_999))
def test_every_plausible_time_is_read_alike_in_every_form(time_ms: int) -> None:
    moment = EPOCH + timedelta(milliseconds=time_ms)
    iso = f"{moment:%Y-%m-%dT%H:%M:%S}.{time_ms % 1000:03}Z"
    texts = [
        str(time_ms),
        str(time_ms * 1000),
        str(time_ms * 10**6),
        f"{time_ms // 1000}.{time_ms % 1000:03}",
        iso,
    ]
    assert [read(text) for text in texts] == [[time_ms]] * 5
