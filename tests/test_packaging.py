import re
import subprocess
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PACKAGES = ("streams", "retrain", "models", "index", "schemas")


@pytest.mark.parametrize("name", [*PACKAGES, "millrace"])
def test_generic_package_names_belong_to_millrace_alone(name: str) -> None:
    assert set(packages_distributions()[name]) == {"millrace"}


def test_console_script_lists_the_commands() -> None:
    script = Path(sys.executable).parent / "millrace"
    said = subprocess.run([script, "--help"], capture_output=True, text=True, check=False, timeout=60)
    assert said.returncode == 0, said.stderr
    for command in ("worker", "lookup", "topics", "schema", "config"):
        assert command in said.stdout


def test_project_is_not_to_be_uploaded() -> None:
    assert "Private :: Do Not Upload" in project()["classifiers"]


def test_constraints_are_names_and_versions_only() -> None:
    for line in constraint_lines():
        assert re.fullmatch(r"[a-z0-9-]+==[0-9][0-9a-z.+]*", line), line
    assert "://" not in (ROOT / "constraints.txt").read_text()


def test_constraints_pin_every_dependency_to_a_version_that_it_allows() -> None:
    pins = pinned_versions()
    for requirement in direct_dependencies():
        name = canonicalize_name(requirement.name)
        assert name in pins, f"{requirement}: make constraints"
        assert requirement.specifier.contains(pins[name]), f"{requirement}, pinned to {pins[name]}"


def test_what_is_installed_is_what_the_constraints_say() -> None:
    pins = pinned_versions()
    wanted = [each for each in direct_dependencies() if each.marker is None or each.marker.evaluate()]
    assert {each.name: version(each.name) for each in wanted} == {
        each.name: pins[canonicalize_name(each.name)] for each in wanted
    }


def test_serving_needs_neither_torch_nor_frames() -> None:
    core = {Requirement(line).name for line in project()["dependencies"]}
    assert not core & {"torch", "pandas", "polars", "onnx", "implicit", "scipy", "confluent-kafka"}


def project() -> dict[str, Any]:
    table: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return table


def direct_dependencies() -> list[Requirement]:
    extras = project()["optional-dependencies"].values()
    return [Requirement(line) for lines in (project()["dependencies"], *extras) for line in lines]


def constraint_lines() -> list[str]:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def pinned_versions() -> dict[str, str]:
    pairs = [line.split("==") for line in constraint_lines()]
    return {canonicalize_name(name): pinned for name, pinned in pairs}
