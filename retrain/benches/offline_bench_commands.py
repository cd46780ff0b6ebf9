"""`millrace bench train|index`: the offline measurements. Mounted by `millrace.py`."""

import re
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from retrain.benches.bench_vectors import Searched

app = typer.Typer()
QUICK_EVENTS = 20_000
_COUNT = re.compile(r"(\d+(?:\.\d+)?)([kM]?)")
_THOUSANDS = {"": 1, "k": 1000, "M": 1_000_000}
JsonOption = Annotated[Path | None, typer.Option("--json", help="Write the figures here as well.")]


@app.command("train")
def bench_train_command(
    *,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Event file; without it drawn sessions.")
    ] = None,
    configs: Annotated[
        str, typer.Option(help="Names of configurations, or files, comma-separated.")
    ] = "small,large",
    quick: Annotated[
        bool, typer.Option("--quick", help="One epoch of at most 20 000 events: speed, not quality.")
    ] = False,
    session_gap_s: Annotated[float | None, typer.Option(help="In place of the config's; 0: never.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="Of the training.")] = 1,
    seed: Annotated[int | None, typer.Option(help="In place of the config's.")] = None,
    drawn_events: Annotated[int, typer.Option(min=100, help="Drawn events, about.")] = 100_000,
    drawn_items: Annotated[int, typer.Option(min=2, help="Drawn items.")] = 18_000,
    json_file: JsonOption = None,
) -> None:
    """Measure whole trainings: events a second, seconds, memory, and the quality that came out."""
    from models.model_config_file import load_model_config
    from retrain.benches.bench_train import BenchData, bench_train
    from schemas.bench_report import new_report, report_text, write_report
    from schemas.output_paths import check_output_file
    from schemas.settings import SharedSettings, read_settings

    check_output_file("--json", json_file)
    overrides = {"session_gap_s": session_gap_s, "seed": seed}
    if quick:
        overrides |= {"epochs": 1, "min_steps": 0}
    named = {name.strip(): load_model_config(Path(name.strip()), overrides) for name in configs.split(",")}
    event_type_map = read_settings(SharedSettings).event_type_map
    drawn = min(drawn_events, QUICK_EVENTS) if quick else drawn_events
    data = BenchData(events, event_type_map, drawn, drawn_items, QUICK_EVENTS if quick else None)
    report = new_report("train", bench_train(data, named, threads), [_train_note(events, threads)])
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file, rows_as="configs")


@app.command("index")
def bench_index_command(
    *,
    items: Annotated[
        str | None,
        typer.Option(help="Catalogue sizes, as in 18k,85k,1M. [default: 18k,85k, or that of the vectors]"),
    ] = None,
    batches: Annotated[
        str, typer.Option(help="Queries at once, comma-separated; the largest decides.")
    ] = "256",
    release: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Search this release's vectors, or copies of them.")
    ] = None,
    events: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Train on this event file first, and search that.")
    ] = None,
    beside: Annotated[
        str, typer.Option(help="References, comma-separated; also faiss_ivf_flat, faiss_ivf_sq8, faiss_hnsw.")
    ] = "numpy,faiss_flat",
    recall: Annotated[float, typer.Option(min=0.5, max=1, help="What an index must find.")] = 0.99,
    json_file: JsonOption = None,
) -> None:
    """Measure the kinds of index, on one core: time, recall, build, memory, and which one a release gets."""
    from index.index_measuring import MAX_QUERIES
    from index.index_rules import IndexRules
    from retrain.benches.bench_index import bench_index
    from retrain.benches.bench_vectors import drawn_vectors, grown
    from retrain.benches.reference_indexes import REFERENCES
    from schemas.bench_report import new_report, report_text, write_report
    from schemas.output_paths import check_output_file

    check_output_file("--json", json_file)
    at_once = _numbers("--batches", batches, MAX_QUERIES)
    references = _names("--beside", beside, REFERENCES)
    sizes = _counts("--items", items) if items else None
    trained, note = _trained_vectors(release, events)
    if trained is None:
        tables = (drawn_vectors(size) for size in sizes or [18_000, 85_000])
    else:
        tables = (grown(trained, size) for size in sizes or [len(trained.vectors)])
    rules = IndexRules(least_recall=recall)
    measured = [bench_index(table, at_once, references, rules) for table in tables]
    report = new_report(
        "index",
        [row for one in measured for row in one.rows],
        [
            note,
            "us_per_query: of one core, for the 100 best; build_s: wall clock",
            "served: what a worker searches for in the chosen index, the candidates of a list of 20",
        ],
        {"served": [row for one in measured for row in one.served]},
    )
    typer.echo(report_text(report))
    if json_file:
        write_report(report, json_file)


def _trained_vectors(release: Path | None, events: Path | None) -> tuple["Searched | None", str]:
    """What a release or an event file gives to search, and what it is."""
    from retrain.benches.bench_vectors import release_vectors, vectors_trained_on
    from schemas.errors import UsageError
    from schemas.settings import SharedSettings, read_settings

    if release is not None and events is not None:
        raise UsageError(f"--release {release} and --events {events}: give one of them")
    copies = "items beyond its own are jittered copies"
    if release is not None:
        return release_vectors(release), f"vectors of release {release.name}; {copies}"
    if events is not None:
        searched = vectors_trained_on(events, read_settings(SharedSettings).event_type_map)
        return searched, f"vectors trained on {events.name}, queries of its newest sessions; {copies}"
    return None, "drawn vectors with neighbours like those of trained ones; --release or --events has those"


def _train_note(path: Path | None, threads: int) -> str:
    drawn = "drawn sessions, popularity by Zipf's law, nothing else to learn"
    return (
        f"{path.name if path else drawn}; threads {threads}; wall_s: from events in memory to the release; "
        "peak_rss_mb: with the processes of members"
    )


def _numbers(option: str, given: str, greatest: int) -> list[int]:
    from schemas.errors import UsageError

    parts = given.split(",")
    if not all(part.strip().isdecimal() and 0 < int(part) <= greatest for part in parts):
        raise UsageError(f"{option} {given}: give whole numbers from 1 to {greatest}, comma-separated")
    return [int(part) for part in parts]


def _counts(option: str, given: str) -> list[int]:
    """Numbers with or without k (thousand) or M (million)."""
    from schemas.errors import UsageError

    parts = [_COUNT.fullmatch(part.strip()) for part in given.split(",")]
    counts = [round(float(part[1]) * _THOUSANDS[part[2]]) for part in parts if part]
    if len(counts) < len(parts) or min(counts) < 1:
        raise UsageError(f"{option} {given}: give numbers from 1 like 5000, 18k or 1.5M, comma-separated")
    return counts


def _names(option: str, given: str, known: Iterable[str]) -> list[str]:
    from schemas.errors import UsageError

    names = [name.strip() for name in given.split(",") if name.strip()]
    if unknown := set(names) - set(known):
        raise UsageError(f"{option} {given}: {min(unknown)} is not known; there are {', '.join(known)}")
    return names
