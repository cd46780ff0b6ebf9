"""When a schedule is due: in time zones, over daylight saving, after downtime, put off by chance."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retrain.schedule.cron_times import CronTimes
from retrain.settings import RetrainSettings


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def cron(expression: str, timezone: str = "UTC", jitter_s: float = 0.0, name: str = "a") -> CronTimes:
    return CronTimes(expression, timezone, jitter_s, name)


def test_time_is_due_from_its_moment_on() -> None:
    nightly = cron("0 3 * * *")
    taken = at("2026-01-10 03:00")
    assert nightly.next(taken) == at("2026-01-11 03:00")
    assert nightly.due(taken, at("2026-01-11 02:59:59")) is None
    assert nightly.due(taken, at("2026-01-11 03:00")) == at("2026-01-11 03:00")


def test_downtime_is_caught_up_with_once() -> None:
    nightly = cron("0 3 * * *")
    due = nightly.due(at("2026-01-10 03:00"), at("2026-03-31 12:00"))
    assert due == at("2026-03-31 03:00")
    assert due is not None
    assert nightly.due(due, at("2026-03-31 12:00")) is None


@pytest.mark.parametrize("expression", ["* * * * *", "*/5 * * * *", "0 3 * * 1", "0 0 1 1 *", "30 2 29 2 *"])
def test_last_time_is_found_however_dense_the_schedule_is(expression: str) -> None:
    schedule, now = cron(expression), at("2028-03-02 10:00:30")
    due = schedule.due(at("2024-01-01 00:00"), now)
    assert due is not None
    assert due <= now < schedule.next(due)


def test_schedule_follows_the_clocks_of_its_zone() -> None:
    nightly = cron("0 3 * * *", "Europe/Berlin")
    assert nightly.next(at("2026-01-10 12:00")) == at("2026-01-11 02:00")
    assert nightly.next(at("2026-07-10 12:00")) == at("2026-07-11 01:00")


def test_time_that_spring_leaves_out_comes_right_after_the_gap() -> None:
    half_past_two = cron("30 2 * * *", "Europe/Berlin")
    first = half_past_two.next(at("2026-03-28 12:00"))
    assert first == at("2026-03-29 01:00")
    assert half_past_two.next(first) == at("2026-03-30 00:30")


def test_time_that_autumn_has_twice_comes_once() -> None:
    half_past_two = cron("30 2 * * *", "Europe/Berlin")
    first = half_past_two.next(at("2026-10-24 12:00"))
    assert first == at("2026-10-25 00:30")
    assert half_past_two.next(first) == at("2026-10-26 01:30")


def test_every_hour_is_an_hour_over_both_changes() -> None:
    for day in ("2026-03-29", "2026-10-25"):
        schedule, now = cron("0 * * * *", "Europe/Berlin"), at(f"{day} 00:00")
        hours = [now := schedule.next(now) for _ in range(5)]
        assert hours == [at(f"{day} 00:00") + timedelta(hours=after) for after in range(1, 6)]


def test_jitter_puts_a_time_off_the_same_way_each_look_and_differs_by_process() -> None:
    one, other = (cron("0 3 * * *", jitter_s=600, name=name) for name in ("a", "b"))
    taken = at("2026-01-10 03:00")
    assert one.starts(taken) == one.starts(taken) != other.starts(taken)
    starts = one.starts(taken)
    assert at("2026-01-11 03:00") <= starts < at("2026-01-11 03:10")
    assert one.due(taken, starts - timedelta(seconds=1)) is None
    assert one.due(taken, starts) == at("2026-01-11 03:00")


def test_jitter_longer_than_the_interval_skips_no_more_than_it_must() -> None:
    every_minute = cron("* * * * *", jitter_s=300)
    taken, begun = at("2026-01-10 03:00"), 0
    for minute in range(60):
        due = every_minute.due(taken, at("2026-01-10 03:00") + timedelta(minutes=minute))
        if due is not None:
            taken, begun = due, begun + 1
    assert begun > 5


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2027, 12, 1)),  # noqa: DTZ001  # hypothesis wants them bare
    st.timedeltas(timedelta(0), timedelta(days=40)),
    st.sampled_from(["0 3 * * *", "30 2 * * *", "*/20 * * * *", "15 1,2 * * 0"]),
    st.sampled_from(["UTC", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
)
def test_due_time_is_the_last_one_and_above_the_taken_one(
    taken: datetime, passed: timedelta, expression: str, timezone: str
) -> None:
    schedule, taken = cron(expression, timezone), taken.replace(tzinfo=UTC, microsecond=0)
    now = taken + passed
    due = schedule.due(taken, now)
    if due is None:
        assert schedule.next(taken) > now
    else:
        assert taken < due <= now < schedule.next(due)


@pytest.mark.parametrize(
    ("setting", "value", "said"),
    [
        ("retrain_schedule", "at three", "it has not five fields; give minute, hour"),
        ("retrain_schedule", "0 3 * *", "it has not five fields"),
        ("retrain_schedule", "0 25 * * *", "bad hour, which is 0 to 23; give minute, hour"),
        ("retrain_schedule", "0 0 31 2 *", "bad day-of-month, which is 1 to 31, where the month has it"),
        ("retrain_timezone", "Europe/Atlantis", "no such time zone; give a name such as UTC"),
        ("retrain_timezone", "../etc", "no such time zone"),
    ],
)
def test_what_is_no_schedule_is_refused(setting: str, value: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        RetrainSettings.model_validate({setting: value})
