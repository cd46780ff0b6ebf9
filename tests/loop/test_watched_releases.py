"""After the swap: a release that does badly is gone back from, and who stops watching leaves it running."""

import signal
import time
from collections.abc import Callable

import pytest

from retrain.cycle.cycle_parts import CycleClock
from schemas.cycle_status import RunningRelease
from schemas.ids import ReleaseId
from schemas.worker_heartbeat import OnlineCounts
from streams.dev.child_processes import Child
from tests.loop.loop_stage import LoopStage, a_heartbeat
from tests.streams.worker_stage import DEADLINE_S, RunningWorker

pytestmark = pytest.mark.timeout(240)
ILL = OnlineCounts(events=100, errors=100)


@pytest.fixture
def worker(loop: LoopStage) -> RunningWorker:
    """It serves the first release."""
    loop.produce(seed=1)
    first = loop.cycle()
    worker = loop.start_worker()
    loop.wait_until_served(worker, first.release_id, 1)
    loop.environment["MILLRACE_RETRAIN_WATCH_S"] = "120"
    return worker


def marked(loop: LoopStage) -> RunningRelease:
    running = loop.board().running
    assert running is not None
    return running


def after_the_first_look(act: Callable[[], object]) -> CycleClock:
    """A clock that does something when the watch has begun."""
    acts = [act]

    def sleep(seconds: float) -> None:
        if acts and seconds > 1:  # the wait for workers looks more often
            acts.pop()()
        time.sleep(seconds)

    return CycleClock(sleep=sleep)


def test_release_that_fails_events_after_the_swap_is_rolled_back_by_its_cycle(
    loop: LoopStage, worker: RunningWorker
) -> None:
    before = marked(loop)

    def fail() -> None:
        new = loop.announced()[-1].release_id
        loop.beat(a_heartbeat("second", new, 2, online={new: ILL}))

    summary = loop.cycle(clock=after_the_first_look(fail))
    assert summary.outcome == "rolled_back"
    assert f"automatic rollback of {summary.release_id}: errors: 100 of 200 events failed" in summary.reason
    assert f"{before.release_id} runs again, as generation 3" in summary.reason
    loop.wait_until_served(worker, before.release_id, 3)
    running = marked(loop)
    assert (running.release_id, running.generation) == (before.release_id, 3)
    assert running.newest_event_at == before.newest_event_at


def test_release_that_a_person_leaves_while_it_is_watched_is_superseded(
    loop: LoopStage, worker: RunningWorker
) -> None:
    first = marked(loop).release_id
    summary = loop.cycle(clock=after_the_first_look(lambda: loop.announce(first)))
    assert summary.outcome == "superseded"
    assert f"{first} (generation 3) is announced now" in summary.reason
    loop.wait_until_served(worker, first, 3)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_watch_that_is_interrupted_leaves_the_release_running_and_is_taken_up_again(
    loop: LoopStage, worker: RunningWorker, number: signal.Signals
) -> None:
    retrain = loop.command("retrain", "once")
    retrain.wait_until(lambda: step_of(loop) == "watch", DEADLINE_S, "watching")
    retrain.wait_until(lambda: "it is watched for 120 s" in retrain.log_tail(), DEADLINE_S, "saying so")
    retrain.send_signal(number)
    assert retrain.wait(DEADLINE_S) == 130
    new = marked(loop).release_id
    assert lines(retrain)[-1] == (
        f"interrupted in the step watch: {new} goes on running as generation 2; the next "
        "`millrace retrain once` with the same work folder goes on with that step"
    )
    assert loop.board().lock is None
    loop.wait_until_served(worker, ReleaseId(new), 2)
    assert step_of(loop) == "watch"
    loop.environment["MILLRACE_RETRAIN_WATCH_S"] = "1"
    again = loop.cycle()
    assert (again.outcome, again.release_id, again.attempts) == ("running", new, 2)
    assert [one.generation for one in loop.announced()] == [1, 2]


def step_of(loop: LoopStage) -> str:
    current = loop.board().current
    return current.step if current else ""


def lines(child: Child) -> list[str]:
    return child.log_path.read_text().splitlines()
