"""What the oracle of a chaos run has found. Filled by `tests.chaos.oracle` and what it calls."""

from collections import Counter
from dataclasses import dataclass, field


@dataclass
class Verdict:
    """What the oracle found; `violations` is empty where every promise held."""

    violations: Counter[str] = field(default_factory=Counter)
    """By kind, how many."""
    examples: list[str] = field(default_factory=list)
    """The first few, in words."""
    events: int = 0
    valid: int = 0
    invalid: int = 0
    erasures: int = 0
    repeats: int = 0
    lists: int = 0
    superseded: int = 0
    """Events without a list of their own, where workers emit the latest of a micro-batch only."""
    users: int = 0
    """How many users have sessions at the end."""
    duplicates: int = 0
    """Lists emitted again; each is identical to the first one under its release, or a violation."""
    late: int = 0
    """First emissions that came after one of a later event of their session: allowed after a fault."""
    longest_gap_s: float = 0.0
    """The longest time between two lists in a row."""
    longest_gap_at_ms: int = 0
    """When it began, epoch milliseconds."""

    def violated(self, kind: str, example: str) -> None:
        """Note a broken promise."""
        if self.violations[kind] < 5:
            self.examples.append(f"{kind}: {example}")
        self.violations[kind] += 1
