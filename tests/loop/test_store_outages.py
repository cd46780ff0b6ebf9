"""The place of releases disappears in the middle of a cycle, and comes back."""

from pathlib import Path

import pytest

from schemas.errors import Unavailable
from tests.loop.loop_stage import LoopStage

pytestmark = pytest.mark.timeout(240)


def test_store_that_disappears_before_and_after_the_announcement_costs_nothing_but_time(
    loop: LoopStage,
) -> None:
    loop.produce(seed=1)
    first = loop.cycle()
    worker = loop.start_worker()
    loop.wait_until_served(worker, first.release_id, 1)
    away = Path(f"{loop.releases}-away")
    loop.environment["MILLRACE_RETRAIN_WAIT_S"] = "3"

    def lose(place: str) -> None:
        if place == "publish saved":
            loop.releases.rename(away)

    with pytest.raises(Unavailable, match="is not there now, though a release of it runs"):
        loop.cycle(reached=lose)
    assert not loop.releases.exists()
    assert [one.generation for one in loop.announced()] == [1]
    assert worker.is_ready()
    away.rename(loop.releases)

    def lose_again(place: str) -> None:
        if place == "announce checked":
            loop.releases.rename(away)

    late = loop.cycle(reached=lose_again)
    assert (late.outcome, late.attempts) == ("unconfirmed", 2)
    assert late.late == [loop.heartbeat().worker_id]
    assert loop.heartbeat().release_id == first.release_id
    assert worker.is_ready()
    away.rename(loop.releases)
    loop.wait_until_served(worker, late.release_id, 2)
    again = loop.cycle()
    assert (again.outcome, again.incumbent, again.generation) == ("running", late.release_id, 3)
    loop.wait_until_served(worker, again.release_id, 3)
