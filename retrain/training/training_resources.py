"""What a training may use of the machine: threads, device, precision, a file for checkpoints.

Owns their names and that torch is left as it was. The model does not depend on them, its last digits aside.
Callers: `retrain.training.training`; the commands that train make them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from threadpoolctl import threadpool_limits

from schemas.errors import UsageError


@dataclass(frozen=True)
class Resources:
    """What a training may use; the model does not depend on it, its last digits aside."""

    threads: int = 1
    """On a CPU the members of an ensemble are trained at the same time, as many as there are threads, each in
    a process of its own: the same model sooner. Else, and where there are more, they share out one network's
    matrices, which are small: two are faster on idle cores, and far slower on busy ones."""
    device: str = "cpu"
    """As torch names it: `cpu`, `cuda`, …; `auto` takes a GPU where there is one."""
    precision: str = "float32"
    """Of matrix products: `float32`, `bfloat16`, or `auto`: bfloat16 where the device multiplies it faster.
    Weights are float32 in any case."""
    checkpoint: Path | None = None
    """The file from which a killed training goes on, and into which this one writes; None for neither."""
    checkpoint_every_s: float = 60.0
    """About so often it is written."""


ONE_CORE = Resources()


def device_named(name: str) -> torch.device:
    """The device of `Resources.device`.

    Raises:
        UsageError: it is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:  # an assertion where torch was built without CUDA
        reason = str(error).splitlines()[0]
        raise UsageError(f"device {name!r} cannot be used ({reason}); use cpu, cuda or auto") from error
    return device


def product_type_named(precision: str, device: torch.device) -> torch.dtype:
    """The type of `Resources.precision`.

    Raises:
        UsageError: it is not known.
    """
    if precision == "auto":
        fast = device.type == "cuda" or torch.cpu.get_capabilities().get("amx_bf16", False)
        return torch.bfloat16 if fast else torch.float32
    if precision not in ("float32", "bfloat16"):
        raise UsageError(f"precision {precision!r} is not known; use float32, bfloat16 or auto")
    return torch.float32 if precision == "float32" else torch.bfloat16


@contextmanager
def torch_settings(threads: int, device: torch.device) -> Iterator[None]:
    """Generators of torch, threads of torch and numpy as the training has them, and then as they were."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        generators = torch.random.fork_rng(devices=[device] if device.type == "cuda" else [])
        with threadpool_limits(threads, "blas"), generators:
            yield
    finally:
        torch.set_num_threads(before)
