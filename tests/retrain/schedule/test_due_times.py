"""Scheduled times are taken once, over all processes and restarts."""

from datetime import UTC, datetime, timedelta

from retrain.cycle.retrain_redis import open_retrain_redis
from retrain.schedule.due_times import DueTimes
from retrain.settings import RetrainSettings

NOW = datetime(2026, 1, 1, 3, tzinfo=UTC)


def test_schedule_begins_at_its_first_look_and_remembers_it(redis_url: str) -> None:
    redis = open_retrain_redis(RetrainSettings(redis_url=redis_url))
    assert DueTimes(redis).taken(NOW) == NOW
    assert DueTimes(redis).taken(NOW + timedelta(days=3)) == NOW


def test_of_two_processes_one_takes_a_time(redis_url: str) -> None:
    settings = RetrainSettings(redis_url=redis_url)
    one, other = (DueTimes(open_retrain_redis(settings)) for _ in range(2))
    assert one.take(NOW)
    assert not other.take(NOW)
    assert not other.take(NOW - timedelta(days=1))
    assert other.take(NOW + timedelta(days=1))
    assert one.taken(NOW) == NOW + timedelta(days=1)


def test_time_that_is_given_back_is_due_again_unless_a_later_one_was_taken(redis_url: str) -> None:
    times = DueTimes(open_retrain_redis(RetrainSettings(redis_url=redis_url)))
    later = NOW + timedelta(days=1)
    assert times.take(NOW)
    times.give_back(NOW)
    assert times.take(NOW)
    assert times.take(later)
    times.give_back(NOW)
    assert times.taken(NOW) == later
