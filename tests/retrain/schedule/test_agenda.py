"""Whether a cycle begins, and why: every reason alone, together, and while waiting."""

from datetime import UTC, datetime, timedelta

from retrain.schedule.agenda import Agenda, Begin, LeaveOut, Reasons
from schemas.retrain_request import RetrainRequest

NOW = datetime(2026, 1, 1, 3, tzinfo=UTC)


def an_agenda(
    min_new_events: int = 1, after_events: int = 0, cooldown_s: float = 0, backoff_s: float = 60
) -> Agenda:
    return Agenda(min_new_events, after_events, cooldown_s, backoff_s)


def a_request(request_id: str = "r", reason: str | None = None, from_scratch: bool = False) -> RetrainRequest:
    return RetrainRequest(request_id=request_id, requested_at=NOW, reason=reason, from_scratch=from_scratch)


def test_nothing_speaks_for_nothing() -> None:
    assert an_agenda().decide(Reasons(new_events=10_000), NOW) is None


def test_scheduled_time_begins_a_cycle() -> None:
    decision = an_agenda().decide(Reasons(due=NOW, new_events=1), NOW)
    assert decision == Begin("schedule, 2026-01-01 03:00Z")


def test_scheduled_time_with_nothing_new_is_left_out() -> None:
    decision = an_agenda(min_new_events=100).decide(Reasons(due=NOW, new_events=99), NOW)
    assert isinstance(decision, LeaveOut)
    assert decision.why.startswith("99 new events since the running release's, fewer than 100")


def test_scheduled_time_counts_where_nobody_knows_what_is_new() -> None:
    assert isinstance(an_agenda().decide(Reasons(due=NOW), NOW), Begin)


def test_requests_that_wait_become_one_cycle_though_nothing_is_new() -> None:
    requests = [a_request("r1"), a_request("r2", "a sale", from_scratch=True)]
    decision = an_agenda().decide(Reasons(requests=requests, due=NOW, new_events=0), NOW)
    assert decision == Begin("request r1; request r2: a sale; schedule, 2026-01-01 03:00Z", True, requests)


def test_new_events_begin_a_cycle_from_their_number_on() -> None:
    agenda = an_agenda(after_events=1000)
    assert agenda.decide(Reasons(new_events=999), NOW) is None
    assert agenda.decide(Reasons(), NOW) is None
    assert agenda.decide(Reasons(new_events=1000), NOW) == Begin("1,000 new events")


def test_events_of_a_cycle_that_gave_no_release_begin_no_second_one() -> None:
    agenda = an_agenda(after_events=1000)
    agenda.began(Reasons(new_events=1200))
    agenda.ended(NOW, gave_release=False)
    assert agenda.decide(Reasons(new_events=2199), NOW) is None
    assert agenda.decide(Reasons(new_events=2200), NOW) == Begin("2,200 new events")
    assert agenda.decide(Reasons(new_events=999), NOW) is None
    assert agenda.decide(Reasons(new_events=1000), NOW) == Begin("1,000 new events")


def test_events_that_came_while_a_release_was_made_begin_the_next_cycle() -> None:
    agenda = an_agenda(after_events=1000)
    agenda.began(Reasons(new_events=1200))
    agenda.ended(NOW)
    assert agenda.decide(Reasons(new_events=1500), NOW) == Begin("1,500 new events")


def test_events_of_a_cycle_that_failed_begin_it_again() -> None:
    agenda = an_agenda(after_events=1000)
    agenda.began(Reasons(new_events=1200))
    agenda.failed(NOW)
    assert agenda.decide(Reasons(new_events=1200), NOW + timedelta(hours=1)) == Begin("1,200 new events")


def test_cycle_that_goes_on_leaves_later_events_untried() -> None:
    agenda = an_agenda(after_events=1000)
    agenda.began(Reasons(unfinished="cycle-1", new_events=1500))
    agenda.ended(NOW, gave_release=False)
    assert agenda.decide(Reasons(new_events=1500), NOW) == Begin("1,500 new events")


def test_fallen_hit_rate_begins_a_cycle() -> None:
    assert an_agenda().decide(Reasons(hit_rate="it fell"), NOW) == Begin("it fell")


def test_cycle_that_was_killed_goes_on_before_anything_else() -> None:
    reasons = Reasons(unfinished="cycle-1", requests=[a_request()], due=NOW)
    assert an_agenda().decide(reasons, NOW) == Begin("goes on: cycle-1")


def test_cooldown_puts_every_reason_off() -> None:
    agenda, reasons = an_agenda(cooldown_s=600), Reasons(requests=[a_request()], due=NOW, new_events=5)
    agenda.ended(NOW)
    assert agenda.decide(reasons, NOW + timedelta(seconds=599)) is None
    assert isinstance(agenda.decide(reasons, NOW + timedelta(seconds=600)), Begin)


def test_failed_cycles_wait_twice_as_long_each_time_and_an_hour_at_most() -> None:
    agenda = an_agenda(backoff_s=60)
    waits = [agenda.failed(NOW) for _ in range(8)]
    assert waits == [60, 120, 240, 480, 960, 1920, 3600, 3600]
    assert not agenda.may_begin(NOW + timedelta(seconds=3599))
    assert agenda.may_begin(NOW + timedelta(seconds=3600))
    agenda.ended(NOW)
    assert agenda.failed(NOW) == 60
