"""`make chaos`: the long run, told as it goes. Exit code 1 where the oracle found a violation."""

import sys
import tempfile
from pathlib import Path
from random import Random, SystemRandom

import typer

from tests.chaos.chaos_report import summary
from tests.chaos.chaos_run import ChaosPlan, run_chaos
from tests.chaos.release_faults import RELEASE_FAULTS
from tests.chaos.service_faults import SERVICE_FAULTS
from tests.chaos.worker_faults import WORKER_FAULTS
from tests.services.kafka_choice import look_around

USUAL_PER_S = 50.0
"""Beside the bursts, which come to three times as many."""

SETTINGS = {
    "MILLRACE_REDIS_BUCKETS": ("1", "4"),
    "MILLRACE_MAX_BATCH_EVENTS": ("16", "128", "1024"),
    "MILLRACE_REBALANCE_TIMEOUT_S": ("8", "60"),
    "MILLRACE_EMIT": ("every", "latest"),
}
"""One of each is the seed's choice: a save is one step in each bucket only; small batches are more often in
flight together; with little time to give partitions back, batches are given up."""


def main(
    seed: int = typer.Option(-1, help="of the traffic and of the faults; -1: a new one"),
    events: int = typer.Option(100_000, help="how many events at least"),
    minutes: float = typer.Option(15.0, help="how long at least"),
    at_most: float = typer.Option(
        18.0, help="minutes, even if there are fewer events; then comes the oracle"
    ),
    folder: Path | None = typer.Option(None, help="for data and logs; a new temporary one by default"),
) -> None:
    """Faults of every kind under load, then the oracle."""
    machine = look_around()
    if machine.java is None or machine.maven is None:
        raise typer.BadParameter(
            "the broker of a chaos run is stopped and started: install Java 17 and Maven"
        )
    seed = SystemRandom().randrange(1_000_000) if seed < 0 else seed
    plan = ChaosPlan(
        seed=seed,
        faults=(*WORKER_FAULTS, *SERVICE_FAULTS, *RELEASE_FAULTS),
        events=events,
        least_s=60 * minutes,
        most_s=60 * at_most,
        rate=USUAL_PER_S,
        settings={name: Random(f"{seed} {name}").choice(values) for name, values in SETTINGS.items()},
    )
    folder = folder or Path(tempfile.mkdtemp(prefix="millrace-chaos-"))
    outcome = run_chaos(plan, machine, folder, typer.echo)
    text = summary(outcome)
    (folder / "summary.txt").write_text(text + "\n")
    typer.echo(text)
    typer.echo(f"again: make chaos SEED={plan.seed}; logs in {folder}")
    sys.exit(1 if outcome.verdict.violations else 0)


if __name__ == "__main__":
    typer.run(main)
