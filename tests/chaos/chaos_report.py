"""The summary of a chaos run, in words and figures."""

from tests.chaos.chaos_run import ChaosOutcome


def summary(outcome: ChaosOutcome) -> str:
    """One line a figure; the violations last."""
    verdict = outcome.verdict
    kinds = (
        f"{verdict.valid} valid, {verdict.repeats} of them repeats; {verdict.erasures} erasures, "
        f"{verdict.invalid} invalid"
    )
    lines = [
        f"seconds            {outcome.seconds:.0f}",
        f"events             {verdict.events}: {kinds}",
        f"lists              {verdict.lists}, emitted again {verdict.duplicates} times",
        f"superseded         {verdict.superseded} events have no list of their own",
        f"users              {verdict.users} with sessions",
        f"after a later one  {verdict.late} lists for the first time",
        f"longest silence    {verdict.longest_gap_s:.1f} s without a list, {outcome.silence}",
        f"workers started    {outcome.workers_started}",
        f"metrics, at least  {_counted(outcome.counts)}",
        f"faults             {outcome.faults.total()}: {_counted(outcome.faults)}",
        f"violations         {_counted(verdict.violations)}",
    ]
    return "\n".join([*lines, *verdict.examples])


def _counted(counts: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in sorted(counts.items())) or "none"
