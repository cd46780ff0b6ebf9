import ast
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import grimp
import pytest

ROOT = Path(__file__).parent.parent
PACKAGES = ("streams", "retrain", "models", "index", "schemas")
NAMED = re.compile(rf"`((?:{'|'.join(PACKAGES)})(?:\.\w+)+)`")
FILES_OF_RELEASES = {"index.faiss"}
REPEATED_NAMES = {"__init__", "__main__", "settings", "cli", "conftest"}


@pytest.fixture(scope="module")
def graph() -> grimp.ImportGraph:
    return grimp.build_graph(*PACKAGES, include_external_packages=True)


def test_import_contracts_hold() -> None:
    linter = Path(sys.executable).with_name("lint-imports")  # in a process of its own: it turns loggers off
    made = subprocess.run([linter, "--no-cache"], cwd=ROOT, capture_output=True, text=True, check=False)
    assert made.returncode == 0, made.stdout + made.stderr


TRAINED = ("models.gru4rec", "models.losses", "models.score_activations")


def test_in_models_only_what_is_trained_imports_torch(graph: grimp.ImportGraph) -> None:
    importers = graph.find_modules_that_directly_import("torch") if "torch" in graph.modules else set()
    assert [name for name in importers if not name.startswith((*TRAINED, "retrain."))] == []


def test_only_training_imports_what_is_trained(graph: grimp.ImportGraph) -> None:
    trained = {name for name in graph.modules if name.startswith(TRAINED)}
    importers = {name for module in trained for name in graph.find_modules_that_directly_import(module)}
    assert [name for name in importers - trained if not name.startswith("retrain.")] == []


@pytest.mark.parametrize("module", ["millrace", "streams.worker", "streams.lookup.serving"])
def test_serving_process_loads_no_training_library(module: str) -> None:
    program = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    roots = {name.partition(".")[0] for name in loaded.stdout.split()}
    assert not roots & {"torch", "pandas", "polars", "implicit", "onnx", "confluent_kafka", "pytest"}


def test_command_line_loads_no_client_before_a_command_runs() -> None:
    program = "import sys, millrace; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT
    )
    roots = {name.partition(".")[0] for name in loaded.stdout.split()}
    assert not roots & {"faust", "aiokafka", "redis", "litestar", "faiss", "onnxruntime", "numpy"}


def test_modules_that_docstrings_name_are_there(graph: grimp.ImportGraph) -> None:
    named = [
        (file, name)
        for file in source_files()
        for name in NAMED.findall(file.read_text())
        if name not in FILES_OF_RELEASES
    ]
    assert [(file, name) for file, name in named if not is_there(graph, name)] == []


def is_there(graph: grimp.ImportGraph, name: str) -> bool:
    """Whether a name is that of a package, of a module, or of something in a module."""
    module = name
    while module and module not in graph.modules:
        module = module.rpartition(".")[0]
    return module == name or (module != "" and not graph.find_children(module))


def test_no_two_modules_have_the_same_name() -> None:
    names = Counter(path.stem for path in source_files() if path.stem not in REPEATED_NAMES)
    assert [name for name, times in names.items() if times > 1] == []


def test_package_files_hold_a_docstring_only() -> None:
    for path in source_files():
        if path.stem == "__init__":
            (only,) = ast.parse(path.read_text()).body
            assert isinstance(only, ast.Expr), path


def source_files() -> list[Path]:
    return [
        ROOT / "millrace.py",
        *(path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))),
    ]
