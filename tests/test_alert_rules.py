"""Alert rules: each has a case in which it fires and one in which it keeps still, and promtool agrees."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

PROMETHEUS = Path(__file__).parent.parent / "monitoring" / "prometheus"
CASES = sorted(PROMETHEUS.glob("rule_tests*.yml"))
ALERTS = [
    rule["alert"]
    for path in sorted((PROMETHEUS / "rules").glob("*.yml"))
    for group in yaml.safe_load(path.read_text())["groups"]
    for rule in group["rules"]
]


def outcomes(alert: str) -> set[bool]:
    """Whether the alert fires somewhere in the cases, and whether it does not."""
    return {
        bool(one["exp_samples"])
        for path in CASES
        for case in yaml.safe_load(path.read_text())["tests"]
        for one in case["promql_expr_test"]
        if re.findall(r'alertname="(\w+)"', one["expr"]) == [alert]
    }


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_has_a_case_in_which_it_fires_and_one_in_which_it_keeps_still(alert: str) -> None:
    assert outcomes(alert) == {True, False}


@pytest.mark.timeout(600)
@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_alerts_fire_in_their_cases_and_in_no_others(path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool, of Prometheus, is not installed here")
    ran = subprocess.run([promtool, "test", "rules", str(path)], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr
