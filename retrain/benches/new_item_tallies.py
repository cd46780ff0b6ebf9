"""What `millrace bench new-items` counts, hour by hour, and the rows that come of it.

Caller: `retrain.benches.bench_new_items`.
"""

from dataclasses import dataclass, field

from schemas.bench_report import Row


@dataclass
class Tally:
    """Predictions and their hits, on one kind of targets."""

    targets: int = 0
    without: int = 0
    """Hits of the release alone."""
    having: int = 0
    """Hits with the side index."""

    def share(self, hits: int) -> float:
        """Recall, 0 where nothing was predicted."""
        return round(hits / self.targets, 4) if self.targets else 0.0


@dataclass
class HourTally:
    """What is counted in one hour of the replay."""

    all: Tally = field(default_factory=Tally)
    new: Tally = field(default_factory=Tally)
    """Of them those whose target the release does not know."""
    items: int = 0
    """In the side index at its end."""


def sum_of(hours: list[HourTally]) -> HourTally:
    """All hours together."""
    total = HourTally(items=hours[-1].items if hours else 0)
    for hour in hours:
        for into, tally in ((total.all, hour.all), (total.new, hour.new)):
            into.targets += tally.targets
            into.without += tally.without
            into.having += tally.having
    return total


def row_of(name: str, hour: HourTally) -> Row:
    """A line of the report."""
    return {
        "hour": name,
        "targets": hour.all.targets,
        "new_targets": hour.new.targets,
        "recall_at_20_new": hour.new.share(hour.new.having),
        "recall_at_20_new_without": hour.new.share(hour.new.without),
        "recall_at_20_all": hour.all.share(hour.all.having),
        "recall_at_20_all_without": hour.all.share(hour.all.without),
        "side_items": hour.items,
    }
