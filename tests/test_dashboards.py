"""Dashboards and alert rules: their queries parse and ask for metrics and labels that processes export."""

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import promql_parser
import pytest
import yaml

from tests.exported_metrics import Exported, exported_metrics

ROOT = Path(__file__).parent.parent
MONITORING = ROOT / "monitoring"
DASHBOARDS = sorted((MONITORING / "grafana" / "dashboards").glob("*.json"))
RULE_FILES = sorted((MONITORING / "prometheus" / "rules").glob("*.yml"))
SOURCE = "millrace"
GRID = 24
GRAFANA_VARIABLES = {"$__rate_interval": "5m", "$release": ".*"}
ALONE = {"up", "vector", "ALERTS"}
"""Metrics of Prometheus itself."""
ELSEWHERE = {
    "millrace_retrain_": "retrain/schedule",
    "millrace_archive_": "retrain/archive",
    "millrace_side_": "retrain/side_index",
    "millrace_lists_with_new_items": "retrain/side_index",
}
"""By prefix, the package whose metrics these are: as soon as it is there, so must they be."""
RUNBOOK = (ROOT / "docs" / "operations.md").read_text()


class Query(NamedTuple):
    """One expression, and where it stands."""

    place: str
    text: str


def panels(board: dict[str, Any]) -> Iterator[dict[str, Any]]:
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", [])


def dashboard_queries() -> Iterator[Query]:
    for path in DASHBOARDS:
        board = json.loads(path.read_text())
        for panel in panels(board):
            for target in panel.get("targets", []):
                yield Query(f"{path.stem}: {panel['title']} {target['refId']}", target["expr"])
        for annotation in board["annotations"]["list"]:
            yield Query(f"{path.stem}: {annotation['name']}", annotation["expr"])
        for variable in board["templating"]["list"]:
            metric, label = re.fullmatch(r"label_values\((\w+), (\w+)\)", variable["definition"]).groups()  # type: ignore[union-attr]
            yield Query(f"{path.stem}: ${variable['name']}", f"count by ({label}) ({metric})")


def rules() -> Iterator[dict[str, Any]]:
    for path in RULE_FILES:
        for group in yaml.safe_load(path.read_text())["groups"]:
            yield from group["rules"]


QUERIES = [*dashboard_queries(), *(Query(rule["alert"], rule["expr"]) for rule in rules())]


@cache
def exported() -> dict[str, Exported]:
    return exported_metrics()


def parsed(query: Query) -> promql_parser.Expr:
    text = query.text
    for name, value in GRAFANA_VARIABLES.items():
        text = text.replace(name, value)
    return promql_parser.parse(text)


def nodes(query: Query) -> list[Any]:
    """Every part of an expression."""
    found: list[Any] = []

    def visit(node: promql_parser.Expr) -> bool:
        found.append(node)
        return True

    promql_parser.walk(parsed(query), visit)
    return found


def selectors(query: Query) -> list[Any]:
    """The series that it asks for."""
    found = [node for node in nodes(query) if isinstance(node, promql_parser.VectorSelector)]
    return found + [
        node.vector_selector for node in nodes(query) if isinstance(node, promql_parser.MatrixSelector)
    ]


def is_elsewhere(name: str) -> bool:
    return any(name.startswith(prefix) and not (ROOT / path).is_dir() for prefix, path in ELSEWHERE.items())


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.place)
def test_query_parses_and_asks_for_series(query: Query) -> None:
    assert selectors(query)


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.place)
def test_query_asks_for_metrics_and_labels_that_are_exported(query: Query) -> None:
    labels: set[str] = set()
    for selector in selectors(query):
        if selector.name in ALONE:
            labels |= {"job", "instance"}
        elif not is_elsewhere(selector.name):
            assert selector.name in exported(), selector.name
            own = exported()[selector.name].labels
            assert {matcher.name for matcher in selector.matchers.matchers} <= own, selector.name
            labels |= own
    for node in nodes(query):
        if isinstance(node, promql_parser.AggregateExpr) and node.modifier and labels:
            assert set(node.modifier.labels) <= labels


@pytest.mark.parametrize("query", QUERIES, ids=lambda query: query.place)
def test_only_counters_have_rates(query: Query) -> None:
    for node in nodes(query):
        if isinstance(node, promql_parser.Call) and node.func.name in ("rate", "increase"):
            name = node.args[0].vector_selector.name
            assert is_elsewhere(name) or exported()[name].type == "counter"


def test_dashboards_show_throughput_freshness_lag_quality_swaps_and_cycles() -> None:
    shown = " ".join(query.text for query in dashboard_queries())
    for metric in ("events_total", "freshness_seconds_bucket", "consumer_lag", "dead_letters_total"):
        assert f"millrace_{metric}" in shown
    for metric in ("online_hits_total", "active_release", "retrain_cycles_total", "retrain_gate_total"):
        assert f"millrace_{metric}" in shown


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_dashboard_is_whole(path: Path) -> None:
    board = json.loads(path.read_text())
    ids = [panel["id"] for panel in panels(board)]
    assert len(set(ids)) == len(ids)
    assert board["uid"] == path.stem
    for panel in panels(board):
        assert panel["gridPos"]["x"] + panel["gridPos"]["w"] <= GRID
        if panel["type"] != "row":
            assert panel["title"]
            assert panel["targets"]
            assert panel["datasource"]["uid"] == SOURCE


@pytest.mark.parametrize("path", DASHBOARDS, ids=lambda path: path.stem)
def test_panels_do_not_lie_on_one_another(path: Path) -> None:
    taken: dict[tuple[int, int], int] = {}
    for panel in panels(json.loads(path.read_text())):
        at = panel["gridPos"]
        for y in range(at["y"], at["y"] + at["h"]):
            for x in range(at["x"], at["x"] + at["w"]):
                assert taken.setdefault((y, x), panel["id"]) == panel["id"]


def test_dashboards_are_provisioned_with_their_data_source() -> None:
    provisioning = MONITORING / "grafana" / "provisioning"
    (source,) = yaml.safe_load((provisioning / "datasources" / "prometheus.yml").read_text())["datasources"]
    (provider,) = yaml.safe_load((provisioning / "dashboards" / "millrace.yml").read_text())["providers"]
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    assert source["uid"] == SOURCE
    assert source["url"] == "http://prometheus:9090"
    mounted = f"./monitoring/grafana/dashboards:{provider['options']['path']}:ro"
    assert mounted in compose["grafana"]["volumes"]


def test_prometheus_scrapes_the_processes_and_reads_the_rules() -> None:
    config = yaml.safe_load((MONITORING / "prometheus" / "prometheus.yml").read_text())
    scraped = {
        name: one["port"]
        for job in config["scrape_configs"]
        for one in job["dns_sd_configs"]
        for name in one["names"]
    }
    assert (scraped["worker"], scraped["lookup"], scraped["retrain"]) == (8081, 8080, 8082)
    assert config["rule_files"] == ["rules/*.yml"]
    assert RULE_FILES


@pytest.mark.parametrize("rule", [*rules()], ids=lambda rule: rule["alert"])
def test_alert_has_a_line_in_the_runbook(rule: dict[str, Any]) -> None:
    page, _, anchor = rule["annotations"]["runbook_url"].partition("#")
    assert page == "docs/operations.md"
    (line,) = [line for line in RUNBOOK.splitlines() if f'<a id="{anchor}"></a>' in line]
    assert f"`{rule['alert']}`" in line
    assert rule["labels"]["severity"] in ("info", "warning", "critical")
    assert rule["annotations"]["summary"]


def test_runbook_has_no_line_without_an_alert() -> None:
    known = {rule["alert"] for rule in rules()}
    assert set(re.findall(r'<a id="alert-[a-z-]+"></a>`(\w+)`', RUNBOOK)) == known
