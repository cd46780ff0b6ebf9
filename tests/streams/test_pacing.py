from streams.pacing import Pace


class ManualClock:
    """A clock that moves only when somebody sleeps, or by hand."""

    def __init__(self) -> None:
        self.time = 100.0
        self.slept: list[float] = []

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


async def test_things_are_due_at_equal_distances_from_the_first() -> None:
    clock = ManualClock()
    pace = Pace(4.0, clock)

    assert [await pace.wait_for(at) for at in range(4)] == [100.0, 100.25, 100.5, 100.75]
    assert clock.slept == [0.25, 0.25, 0.25]


async def test_who_fell_behind_does_not_wait_and_keeps_the_schedule() -> None:
    clock = ManualClock()
    pace = Pace(4.0, clock)
    await pace.wait_for(0)
    clock.time += 0.6  # something held the row back

    assert [await pace.wait_for(at) for at in (1, 2, 3)] == [100.25, 100.5, 100.75]
    assert clock.slept == [0.15000000000000568]


async def test_unpaced_things_are_due_when_their_turn_comes() -> None:
    clock = ManualClock()
    pace = Pace(None, clock)
    first = await pace.wait_for(0)
    clock.time += 1.5

    assert (first, await pace.wait_for(1)) == (100.0, 101.5)


async def test_unpaced_row_lets_other_tasks_run_now_and_then() -> None:
    clock = ManualClock()
    pace = Pace(None, clock)
    for at in range(129):
        await pace.wait_for(at)

    assert clock.slept == [0, 0, 0]
