import re
from pathlib import Path
from typing import Any

import pytest
import typer
import typer.core
import typer.main
import yaml

import millrace
from retrain.settings import PROGRAMS as RETRAIN_PROGRAMS
from schemas.settings import PREFIX
from streams.settings import PROGRAMS as STREAMS_PROGRAMS

ROOT = Path(__file__).parent.parent
OURS = ("topics-create", "worker", "lookup", "archive", "side-index", "retrain")


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    loaded: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return loaded


@pytest.fixture(scope="module")
def dockerfile() -> str:
    return (ROOT / "Dockerfile").read_text()


def test_compose_has_the_services_of_the_design(compose: dict[str, Any]) -> None:
    assert {"kafka", "redis", "prometheus", "grafana", *OURS} == set(compose["services"])


@pytest.mark.parametrize("service", OURS)
def test_compose_runs_commands_that_exist(compose: dict[str, Any], service: str) -> None:
    command = " ".join(compose["services"][service]["command"])
    assert any(f"{command} ".startswith(f"{name} ") for name in command_names()), command


@pytest.mark.parametrize("service", OURS)
def test_compose_sets_variables_that_some_program_reads(compose: dict[str, Any], service: str) -> None:
    assert set(compose["services"][service]["environment"]) <= known_variables()


def test_images_set_variables_that_some_program_reads(dockerfile: str) -> None:
    assert set(re.findall(r"\bMILLRACE_[A-Z_]+(?==)", dockerfile)) <= known_variables()


def test_images_run_commands_that_exist(dockerfile: str) -> None:
    commands = re.findall(r"^CMD \[(.+)\]$", dockerfile, re.MULTILINE)
    assert {" ".join(re.findall(r'"([^"]+)"', command)) for command in commands} <= command_names()


@pytest.mark.parametrize("service", OURS)
def test_compose_builds_targets_of_the_dockerfile(
    compose: dict[str, Any], service: str, dockerfile: str
) -> None:
    target = compose["services"][service]["build"]["target"]
    assert re.search(rf"^FROM .* AS {target}$", dockerfile, re.MULTILINE)


def test_serving_image_installs_no_extra(dockerfile: str) -> None:
    stage = dockerfile.split(" AS build-serve\n")[1].split("\nFROM ", maxsplit=1)[0]
    assert "--extra" not in stage


def test_every_volume_and_dependency_is_declared(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        sources = {volume.partition(":")[0] for volume in service["volumes"]}
        folders = {source for source in sources if source.startswith("./")}
        assert sources - folders <= set(compose["volumes"])
        assert [folder for folder in folders if not (ROOT / folder).is_dir()] == []
        assert set(service.get("depends_on", {})) <= set(compose["services"])


@pytest.mark.parametrize(
    "service", ["kafka", "redis", "worker", "lookup", "archive", "retrain", "prometheus", "grafana"]
)
def test_services_that_stay_have_a_health_check(compose: dict[str, Any], service: str) -> None:
    assert compose["services"][service]["healthcheck"]["test"][0] == "CMD"


def test_images_copy_every_package(dockerfile: str) -> None:
    for package in ("schemas", "index", "models", "streams", "retrain"):
        assert dockerfile.count(f"COPY {package} {package}\n") == 2
        assert f"!{package}\n" in (ROOT / ".dockerignore").read_text()


def command_names() -> set[str]:
    """Every command with its group, as `topics create`."""
    names: set[str] = set()
    groups: list[tuple[str, typer.core.TyperGroup]] = [("", typer.main.get_group(millrace.app))]
    for prefix, group in groups:
        for name, command in group.commands.items():
            if isinstance(command, typer.core.TyperGroup):
                groups.append((f"{prefix}{name} ", command))
                if command.invoke_without_command and name == "retrain":
                    names.add(f"{prefix}{name} --schedule")
            else:
                names.add(f"{prefix}{name}")
    return names


def known_variables() -> set[str]:
    programs = {**STREAMS_PROGRAMS, **RETRAIN_PROGRAMS}.values()
    return {f"{PREFIX}{name.upper()}" for program in programs for name in program.model_fields}
