"""What a run says of its code and machine; what cannot be found out is left out, never an error."""

import shutil
import subprocess
from pathlib import Path

import pytest

from retrain.runs.run_facts import code_facts, machine_facts


def git(folder: Path, *arguments: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@example.com"]
    said = subprocess.run(
        [shutil.which("git") or "git", "-C", str(folder), *who, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return said.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    if shutil.which("git") is None:
        pytest.skip("no git here")
    git(tmp_path, "init")
    (tmp_path / "code.py").write_text("a = 1\n")
    git(tmp_path, "add", "code.py")
    git(tmp_path, "commit", "-m", "First")
    return tmp_path


def test_commit_of_a_checkout_is_told_and_whether_the_code_differs(checkout: Path) -> None:
    commit = git(checkout, "rev-parse", "HEAD")
    (checkout / "untracked.txt").write_text("")
    facts = code_facts(checkout)
    assert (facts.git_commit, facts.git_changed) == (commit, False)
    (checkout / "code.py").write_text("a = 2\n")
    assert code_facts(checkout).git_changed is True


def test_folder_inside_of_a_foreign_checkout_has_no_commit(checkout: Path) -> None:
    installed = checkout / "site-packages"
    installed.mkdir()
    assert code_facts(installed).git_commit is None


def test_broken_checkout_and_absent_git_are_no_errors(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".git").mkdir()
    assert (code_facts(tmp_path).git_commit, code_facts(tmp_path).git_changed) == (None, None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_facts(tmp_path).git_commit is None


def test_libraries_that_training_rests_on_are_told() -> None:
    facts = code_facts()
    assert {"torch", "numpy", "polars", "onnxruntime"} <= facts.libraries.keys()
    assert facts.python.startswith("3.")


def test_machine_has_a_processor_cores_and_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    facts = machine_facts()
    assert facts.cpu
    assert 1 <= facts.usable_cores <= facts.cores
    assert facts.memory_bytes is None or facts.memory_bytes > 2**20
    assert facts.threads["OMP_NUM_THREADS"] == "3"
