"""Every metric that some process exports, by making each class of metrics that the packages have.

Callers: the tests of dashboards and alert rules.
"""

import ast
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from prometheus_client import CollectorRegistry

ROOT = Path(__file__).parent.parent
PACKAGES = ("streams", "retrain")
OF_THE_SCRAPE = {"job", "instance"}


class Exported(NamedTuple):
    """The samples of one metric."""

    type: str
    labels: frozenset[str]


def exported_metrics() -> dict[str, Exported]:
    """By the name of a sample as it stands in queries."""
    samples: dict[str, Exported] = {}
    for module, name in _classes():
        for metric in vars(getattr(import_module(module), name)(CollectorRegistry())).values():
            if hasattr(metric, "collect") and not isinstance(metric, CollectorRegistry):
                samples |= _samples(metric)
    return samples


def _classes() -> list[tuple[str, str]]:
    """Module and name of each class `…Metrics`."""
    return [
        (".".join(path.relative_to(ROOT).with_suffix("").parts), node.name)
        for package in PACKAGES
        for path in sorted((ROOT / package).rglob("*metrics.py"))
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.ClassDef) and node.name.endswith("Metrics")
    ]


def _samples(metric: object) -> dict[str, Exported]:
    (family,) = metric.collect()  # type: ignore[attr-defined]
    labels = frozenset(getattr(metric, "_labelnames", ())) | OF_THE_SCRAPE
    if family.type == "counter":
        return {f"{family.name}_total": Exported("counter", labels)}
    if family.type != "histogram":
        return {family.name: Exported(family.type, labels)}
    of_buckets = Exported("counter", labels | {"le"})
    return {f"{family.name}_bucket": of_buckets} | {
        f"{family.name}{part}": Exported("counter", labels) for part in ("_sum", "_count")
    }
