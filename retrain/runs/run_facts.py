"""Where a run takes place: the code's commit, the libraries, the machine.

Reads only, and never fails: what cannot be found out is left out. Caller: `retrain.runs.run_recording`.
"""

import os
import platform
import subprocess
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from schemas.bench_report import cpu_model
from schemas.run_record import CodeFacts, MachineFacts

CODE = Path(__file__).parents[2]
_LIBRARIES = (
    "torch", "numpy", "scipy", "polars", "pyarrow", "pandas", "onnx", "onnxruntime", "faiss-cpu", "implicit",
    "optuna", "msgspec",
)  # fmt: skip
_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "POLARS_MAX_THREADS")
_GIT_TIMEOUT_S = 10.0


def code_facts(code: Path = CODE) -> CodeFacts:
    """What runs.

    Args:
        code: the folder that the packages lie in; a commit is told only where it is a checkout itself.
    """
    commit = _git(code, "rev-parse", "HEAD")
    changes = None if commit is None else _git(code, "status", "--porcelain", "--untracked-files=no")
    return CodeFacts(
        code_version=version("millrace"),
        git_commit=commit,
        git_changed=None if changes is None else bool(changes),
        python=platform.python_version(),
        libraries={name: found for name in _LIBRARIES if (found := _version(name)) is not None},
    )


def machine_facts() -> MachineFacts:
    """What it runs on."""
    cores = os.cpu_count() or 1
    return MachineFacts(
        cpu=cpu_model(),
        cores=cores,
        usable_cores=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else cores,
        memory_bytes=_memory_bytes(),
        system=platform.platform(),
        accelerator=_accelerator(),
        threads={name: os.environ[name] for name in _THREAD_VARIABLES if name in os.environ},
    )


def _git(code: Path, *arguments: str) -> str | None:
    if not (code / ".git").exists():  # installed elsewhere: a checkout around it is not ours
        return None
    try:
        said = subprocess.run(
            ["git", "-C", str(code), *arguments],  # noqa: S607  # whichever git there is
            capture_output=True,
            text=True,
            check=True,
            timeout=_GIT_TIMEOUT_S,
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return said.stdout.strip()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _memory_bytes() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError):
        return None


def _accelerator() -> str | None:
    """The GPU, where torch is there already and sees one."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return None
    return str(torch.cuda.get_device_name(0))
