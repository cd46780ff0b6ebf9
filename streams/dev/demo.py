"""`millrace demo`: the whole path on one machine, every part a real process, every number measured.

Composition root: events, past and live -> `millrace train` -> `millrace worker` and `lookup` over embedded
Kafka and Redis -> replay -> lists -> report. It follows the published protocol: no gap ends a session,
nothing is filtered. Caller: `streams.cli`.
"""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
from rich.console import Console

from schemas.output_paths import check_output_file
from schemas.release_manifest import ReleaseManifest
from streams.dev.demo_events import DemoEvents, file_events, shop_events
from streams.dev.demo_live import LiveRun, run_live
from streams.dev.demo_release import announce_release, evaluate_release, train_release
from streams.dev.demo_report import DemoSummary, summarise, summary_table, write_summary
from streams.dev.demo_story import tell_story
from streams.dev.ending import end_on_sigterm, wait_for_ctrl_c
from streams.dev.items_topic import publish_items
from streams.dev.lookup_check import LookupClient, check_lookup, latest_lists
from streams.dev.millrace_services import ITEMS, MillraceServices, millrace_services, start_serving
from streams.dev.narrator import Narrator, Step

PUBLISHED_PROTOCOL = {"session_gap_s": 0}
NO_FILTERS = {"MILLRACE_EXCLUDE_EVENT_TYPES": ""}
_SAY_EVERY = 250


@dataclass(frozen=True)
class DemoOptions:
    """What `millrace demo` is asked for."""

    events: Path | None
    """An event file; None: the simulated shop."""
    event_type_map: dict[str, str]
    seed: int
    sessions: int
    """Of the simulated shop."""
    json: Path | None
    """Where the summary goes."""
    serve: bool
    """Keep worker and lookup running until Ctrl-C."""


def run_demo(options: DemoOptions, console: Console) -> DemoSummary:
    """Run the demo; nothing of it is left behind, however it ends.

    Raises:
        UsageError: a file cannot be used, or one of the processes failed.
        Unavailable: no lists come.
    """
    check_output_file("--json", options.json)
    with end_on_sigterm(), TemporaryDirectory(prefix="millrace-demo-") as folder:
        return _run(options, Narrator(console), Path(folder))


def _run(options: DemoOptions, narrator: Narrator, folder: Path) -> DemoSummary:
    started = time.monotonic()
    demo = _events(options, narrator)
    log_file = folder / "events.parquet"
    demo.write(log_file)
    with _services(narrator, folder) as services:
        manifest = _train(services, narrator, log_file, demo)
        check = _serve(services, narrator, demo)
        run = _replay(services, narrator, demo.live, check)
        with narrator.step("Evaluating the same release offline") as step:
            offline = evaluate_release(services, manifest, log_file)
            step.done(f"Evaluated the same release offline: Recall@20 {offline.recall_at_20:.4f}")
        with narrator.step("Comparing the lookup with the topic") as step:
            latest = list(latest_lists(run.reader.lists.values()).values())
            lookup = check_lookup(services.lookup_url, latest)
            step.done(f"Looked up the latest lists of {lookup.checked:,} sessions over HTTP")
        summary = summarise(
            demo.live,
            run,
            offline,
            LookupClient(services.lookup_url).popular(),
            lookup,
            items=manifest.items,
            seconds=time.monotonic() - started,
        )
        narrator.say("", *tell_story(demo, run, services.lookup_url), "", summary_table(summary), "")
        if options.json is not None:
            write_summary(summary, options.json)
        if options.serve:
            _keep_serving(services, narrator, check)
    return summary


def _events(options: DemoOptions, narrator: Narrator) -> DemoEvents:
    with narrator.step("Reading the events" if options.events else "Simulating a shop") as step:
        if options.events is None:
            demo = shop_events(options.seed, options.sessions)
            what = f"A shop of {len(demo.catalogue)} items"
        else:
            demo = file_events(options.events, options.event_type_map)
            what = options.events.name
        step.done(f"{what}: {len(demo.past):,} events of the past, {len(demo.live):,} live")
    return demo


@contextmanager
def _services(narrator: Narrator, folder: Path) -> Iterator[MillraceServices]:
    releases = folder / "releases"
    releases.mkdir()
    with ExitStack() as stack:
        with narrator.step("Starting Kafka and Redis") as step:
            services = stack.enter_context(millrace_services(folder, releases, NO_FILTERS))
            step.done(f"Kafka (embedded) at {services.bootstrap_servers}, Redis at {services.redis_url}")
        yield services


def _train(
    services: MillraceServices, narrator: Narrator, log_file: Path, demo: DemoEvents
) -> ReleaseManifest:
    doing = f"Training a GRU4Rec on the {len(demo.past):,} events of the past"
    with narrator.step(doing) as step:
        manifest = train_release(
            services, log_file, PUBLISHED_PROTOCOL, on_line=lambda line: step.now(f"{doing}: {line}")
        )
        announce_release(services, manifest)
        step.done(f"Trained and announced {manifest.release_id}")
    return manifest


def _serve(services: MillraceServices, narrator: Narrator, demo: DemoEvents) -> Callable[[], None]:
    with narrator.step("Starting worker and lookup") as step:
        asyncio.run(publish_items(services.bootstrap_servers, ITEMS, demo.catalogue))
        check = start_serving(services)
        step.done("Worker and lookup serve the release")
    return check


def _replay(
    services: MillraceServices, narrator: Narrator, live: pl.DataFrame, check: Callable[[], None]
) -> LiveRun:
    doing = f"Replaying {len(live):,} live events"
    with narrator.step(doing) as step:
        run = asyncio.run(run_live(services, live, check, _count(step, doing)))
        step.done(f"Replayed {len(live):,} live events and read {len(run.reader.lists):,} lists")
    return run


def _count(step: Step, doing: str) -> Callable[[object], None]:
    sent = 0

    def count(_: object) -> None:
        nonlocal sent
        sent += 1
        if sent % _SAY_EVERY == 0:
            step.now(f"{doing}: {sent:,}")

    return count


def _keep_serving(services: MillraceServices, narrator: Narrator, check: Callable[[], None]) -> None:
    narrator.say(
        f"Still serving, until Ctrl-C:  {services.lookup_url}/popular",
        f"  Kafka {services.bootstrap_servers}   Redis {services.redis_url}",
    )
    wait_for_ctrl_c(check)
