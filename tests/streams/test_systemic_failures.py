"""What fails whatever the events are is waited for: it makes no dead letters of them."""

import asyncio
from collections.abc import Mapping, Sequence

import pytest

from models.recommender import Recommended, Recommender, SessionEvent
from schemas.ids import SessionId
from schemas.session_state import SessionState
from streams.current_recommender import Served
from tests.streams.processors import Workbench, a_batch, a_release
from tests.streams.records import event_record
from tests.waiting import until


@pytest.fixture
def bench(tmp_path_factory: pytest.TempPathFactory) -> Workbench:
    return Workbench(a_release(tmp_path_factory.mktemp("releases")))


class Failing(Recommender):
    """Raises an error at its first calls, whatever it is asked."""

    error: Exception
    failures: int

    def recommend(
        self, states: Mapping[SessionId, SessionState | None], events: Sequence[SessionEvent]
    ) -> Recommended:
        """Fail, or serve."""
        if self.failures > 0:
            self.failures -= 1
            raise self.error
        return super().recommend(states, events)


def fail(bench: Workbench, error: Exception, failures: int) -> None:
    """Let the bench's recommender fail."""
    failing = Failing(bench.release, bench.k)
    failing.error, failing.failures = error, failures
    bench.current.served = Served(failing, 0)


@pytest.mark.parametrize("error", [MemoryError(), OSError(28, "disk full"), RuntimeError("broken")])
async def test_failure_that_is_no_events_fault_is_waited_for_and_dead_letters_nothing(
    bench: Workbench, error: Exception
) -> None:
    fail(bench, error, failures=7)
    await bench.processor.process(a_batch(*(event_record("s", item, at) for at, item in enumerate("abc"))))
    assert [one.source.offset for one in bench.emitter.lists()] == [0, 1, 2]
    assert bench.emitter.on("dead-letter") == []
    assert bench.health.troubles == {}


async def test_release_that_fails_for_every_event_is_left_for_the_next_one(bench: Workbench) -> None:
    fail(bench, RuntimeError("broken"), failures=10**9)
    processing = asyncio.create_task(bench.processor.process(a_batch(event_record("s", "a", 0))))
    await until(lambda: "fails for every event" in bench.health.troubles.get("recommender", ""))
    bench.current.use_release(bench.release)
    await processing
    assert [one.source.offset for one in bench.emitter.lists()] == [0]
