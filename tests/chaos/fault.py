"""What a fault is: struck at its entry, held for a while, healed at its exit; it says what it hit."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from random import Random
from typing import Literal, NamedTuple

from tests.chaos.chaos_stage import ChaosStage

Family = Literal["workers", "redis", "kafka", "kafka link", "releases", "clock"]


class Fault(NamedTuple):
    """One kind of fault."""

    name: str
    family: Family
    """Faults of different families may strike at the same time, but no release is announced without Kafka."""
    hold_s: tuple[float, float]
    """The shortest and the longest time from strike to healing."""
    strike: Callable[[ChaosStage, Random], AbstractContextManager[str | None]]
    """Gives the target in words; None where there is nothing to strike."""


def may_strike_together(first: Fault, second: Fault) -> bool:
    """Whether the second may strike, and be healed, while the first lasts."""
    return first.family != second.family and (first.family, second.family) != ("kafka", "releases")
