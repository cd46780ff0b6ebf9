"""When something is tried again, by an injected clock."""

from streams.backoff import Backoff


class Clock:
    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def pause_s(backoff: Backoff, clock: Clock) -> float:
    """How long the pause is that begins now, to a tenth of a second."""
    backoff.begin()
    began_s = clock.now_s
    while not backoff.is_over():
        clock.now_s += 0.1
    return clock.now_s - began_s


def test_pauses_double_up_to_the_last_and_vary_by_half() -> None:
    clock = Clock()
    backoff = Backoff(1.0, 4.0, clock)
    assert backoff.is_over()
    for longest in (1.0, 2.0, 4.0, 4.0):
        assert longest / 2 - 0.11 <= pause_s(backoff, clock) <= longest + 0.11


def test_reset_ends_the_pause_and_begins_with_the_first() -> None:
    clock = Clock()
    backoff = Backoff(1.0, 64.0, clock)
    for _ in range(5):
        pause_s(backoff, clock)
    backoff.begin()
    assert not backoff.is_over()
    backoff.reset()
    assert backoff.is_over()
    assert pause_s(backoff, clock) <= 1.11
