"""The pages for operators and newcomers say what the code has: metrics, modules, commands, settings."""

import re
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from retrain.archive.archive_metrics import ArchiveMetrics
from retrain.schedule.retrain_metrics import RetrainMetrics
from retrain.settings import PROGRAMS as RETRAIN_PROGRAMS
from schemas.settings import PREFIX
from streams.lookup.lookup_metrics import LookupMetrics
from streams.metrics import WorkerMetrics
from streams.settings import PROGRAMS as STREAMS_PROGRAMS

ROOT = Path(__file__).parent.parent
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
GUARANTEES = (ROOT / "docs" / "guarantees.md").read_text()
PACKAGES = ("streams", "retrain", "models", "index", "schemas")


Metrics = WorkerMetrics | LookupMetrics | RetrainMetrics | ArchiveMetrics
KINDS: tuple[type[Metrics], ...] = (WorkerMetrics, LookupMetrics, RetrainMetrics, ArchiveMetrics)


def metrics_table(metrics: Metrics) -> list[str]:
    """A row for each metric, in the order of its module."""
    rows = []
    for metric in (one for name, one in vars(metrics).items() if name != "registry"):
        (family,) = metric.collect()
        exported = f"{family.name}_total" if family.type == "counter" else family.name
        labels = ", ".join(f"`{label}`" for label in getattr(metric, "_labelnames", ()))
        row = f"| `{exported}` | {family.type} | {labels} | {family.documentation} |"
        rows.append(row.replace("|  |", "| |"))
    return rows


@pytest.mark.parametrize("kind", KINDS)
def test_every_metric_is_listed_as_it_is(kind: type[Metrics]) -> None:
    table = "\n".join(metrics_table(kind(CollectorRegistry())))
    assert table in OPERATIONS, f"docs/operations.md must have:\n{table}"


def test_pages_name_no_metric_that_is_not_there() -> None:
    rows = [row for kind in KINDS for row in metrics_table(kind(CollectorRegistry()))]
    known = {row.split("`")[1] for row in rows}
    named = set(re.findall(r"\bmillrace_[a-z_]+", OPERATIONS + ARCHITECTURE + GUARANTEES))
    assert {name.removesuffix("_bucket") for name in named} <= known


def test_pages_name_no_setting_that_is_not_there() -> None:
    programs = {**STREAMS_PROGRAMS, **RETRAIN_PROGRAMS}.values()
    known = {f"{PREFIX}{name.upper()}" for program in programs for name in program.model_fields}
    assert set(re.findall(r"\bMILLRACE_[A-Z_]+", OPERATIONS + ARCHITECTURE + GUARANTEES)) <= known


def test_module_map_names_no_module_that_is_not_there() -> None:
    there = {path.stem for package in PACKAGES for path in (ROOT / package).rglob("*.py")}
    there |= {path.name for path in ROOT.rglob("retrain/*") if path.is_dir()}
    section = ARCHITECTURE.split("## Modules")[1].split("\n\n")[2]
    layers = [line.split("|")[3] for line in section.splitlines()[3:]]
    named = {name for layer in layers for name in re.findall(r"`([a-z0-9_]+)/?`", layer)}
    assert len(named) > 50
    assert named <= there


def test_links_between_pages_lead_somewhere() -> None:
    for page in (ROOT / "docs").glob("*.md"):
        for link in re.findall(r"\]\(([^)#]+\.md)", page.read_text()):
            assert link.startswith("http") or (page.parent / link).exists(), f"{page.name}: {link}"
