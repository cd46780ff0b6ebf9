"""The table of docs/quality.md: every model on every data set, by `millrace evaluate`, resumable.

    PYTHONPATH=. python benchmarks/quality.py run DATA_FOLDER FIGURES_FOLDER [--only TEXT]
    PYTHONPATH=. python benchmarks/quality.py table FIGURES_FOLDER

`run` writes one JSON a row and skips those that are there; `table` prints them as Markdown. The data is not
in the repository, see docs/quality.md.
"""

import argparse
import shlex
import subprocess
import sys
import time
from pathlib import Path
from typing import NamedTuple

from models.model_config_file import PRESETS
from retrain.evaluation.evaluation_report import EvaluationReport, read_evaluation_report

SEEDS = "--seeds 5"
NEIGHBOURS = ("last_item", "sr", "sknn", "vsknn", "vmisknn")
BASELINES = ("popular", "recent_popular", "session_popular", *NEIGHBOURS, "itemknn", "als", "bpr")
UNTYPED = "benchmarks/untyped.toml"
SHOP_TYPES = "--event-type-map addtocart=cart,transaction=purchase"
HOTEL_TYPES = (
    "--event-type-map 'search for item=view,interaction item image=view,interaction item info=view,"
    "interaction item deals=view,interaction item rating=view,clickout item=purchase'"
)
JD_TYPES = "--event-type-map order=purchase,follow=cart,comment=view"


class DataSet(NamedTuple):
    """A file and what is evaluated on it."""

    name: str
    models: tuple[str, ...]
    options: str = ""


class TableRow(NamedTuple):
    """One evaluation."""

    data: DataSet
    model: str

    @property
    def file_name(self) -> str:
        """Of its figures."""
        return f"{self.data.name}__{Path(self.model).stem}.json"

    def command(self, data_folder: str) -> str:
        """What reproduces it."""
        trained = f" {SEEDS}" if self.model in {*PRESETS, UNTYPED} else ""
        options = f" {self.data.options}" if self.data.options else ""
        return (
            f"millrace evaluate {self.model} {data_folder}/{self.data.name}.parquet --session-gap-s 0"
            f"{trained}{options}"
        )


DATA_SETS = (
    DataSet("yoochoose64_srgnn", (*PRESETS, *BASELINES)),
    DataSet("rsc15_100k_sessionrec", (*PRESETS, *NEIGHBOURS)),
    DataSet("rsc15_64_sessionrec", (*PRESETS, *NEIGHBOURS)),
    DataSet("retailrocket_typed_lastweek", ("small", UNTYPED, "sr", "vsknn"), SHOP_TYPES),
    DataSet("trivago_val100k_typed", ("small", UNTYPED, "sr", "vsknn"), HOTEL_TYPES),
    DataSet("jdata_demo_typed", ("small", UNTYPED, "sr", "vsknn"), JD_TYPES),
)
ROWS = [TableRow(data, model) for data in DATA_SETS for model in data.models]


def run(data_folder: Path, figures: Path, only: str) -> None:
    """Make the figures that are missing."""
    figures.mkdir(parents=True, exist_ok=True)
    for row in ROWS:
        target = figures / row.file_name
        if target.exists() or only not in f"{row.data.name} {row.model}":
            continue
        command = shlex.split(f"{row.command(str(data_folder))} --json {target}")
        started = time.monotonic()
        print(shlex.join(command), flush=True)
        subprocess.run([sys.executable, "-m", *command], check=True, stdout=subprocess.DEVNULL)
        print(f"  {time.monotonic() - started:.0f} s", flush=True)


def table(figures: Path) -> None:
    """Print what there is."""
    for data in DATA_SETS:
        rows = [row for row in ROWS if row.data is data and (figures / row.file_name).exists()]
        if not rows:
            continue
        reports = [read_evaluation_report(figures / row.file_name) for row in rows]
        predictions = f"{reports[0].n:,}".replace(",", " ")
        print(f"\n### {data.name}, n = {predictions}\n")
        print(
            "| model | Recall@20 | MRR@20 | NDCG@20 | Recall@10 | Recall@5 | Recall@1 | fit, s | answer, s |"
        )
        print("|---|---|---|---|---|---|---|---|---|")
        for row, report in zip(rows, reports, strict=True):
            print(f"| {_label(row)} | {_cells(report)} |")
        print("\n```console")
        for row in rows:
            print(f"$ {row.command('DATA')}")
        print("```")


def _label(row: TableRow) -> str:
    return "small, types not read" if row.model == UNTYPED else f"`{row.model}`"


def _cells(report: EvaluationReport) -> str:
    exact = [_figure(report, "recall", "20"), _figure(report, "mrr", "20"), _figure(report, "ndcg", "20")]
    brief = [_short(report.metrics["recall"][k]) for k in ("10", "5", "1")]
    return " | ".join([*exact, *brief, f"{report.fitting_s:.1f}", f"{report.wall_s:.1f}"])


def _figure(report: EvaluationReport, name: str, k: str) -> str:
    """Mean, the standard deviation over seeds, and the interval over sessions."""
    text = _short(report.metrics[name][k])
    if report.seeds is not None:
        text += f" ± {_short(report.seeds.std[name][k])}"
    if report.intervals is not None:
        low, high = report.intervals[name][k]
        text += f" ({_short(low)} to {_short(high)})"
    return text


def _short(value: float) -> str:
    return f"{value:.4f}".removeprefix("0")


def main() -> None:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    running = commands.add_parser("run")
    running.add_argument("data", type=Path)
    running.add_argument("figures", type=Path)
    running.add_argument("--only", default="")
    commands.add_parser("table").add_argument("figures", type=Path)
    given = parser.parse_args()
    if given.command == "run":
        run(given.data, given.figures, given.only)
    else:
        table(given.figures)


if __name__ == "__main__":
    main()
