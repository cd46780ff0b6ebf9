"""Checkpoints: what goes in comes out, a kill leaves the old one, what is damaged or alien is refused."""

import json
import signal
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from retrain.training.checkpoints import FORMAT, Checkpoint, load_checkpoint, save_checkpoint
from schemas.errors import UsageError

MADE_FROM = {"config": {"seed": 1, "learning_rate": 0.1}, "data_hash": "ab12", "version": "0.1.0"}


def a_checkpoint(step: int = 3, **state: Any) -> Checkpoint:
    arrays: dict[str, NDArray[Any]] = {
        "item_matrix": np.arange(12, dtype=np.float32).reshape(3, 4),
        "hidden/0": np.zeros((0, 4), dtype=np.float64),
        "torch_generator": torch.get_rng_state().numpy(),
        "file": np.array(2.5),
    }
    return Checkpoint(made_from=MADE_FROM, epoch=2, step=step, arrays=arrays, state=state)


def test_arrays_and_state_come_back_as_they_were(tmp_path: Path) -> None:
    path = tmp_path / "not" / "there" / "run.npz"
    saved = a_checkpoint(history=[{"loss": 0.1 + 0.2}, {"loss": None}], best=np.float64(0.25))
    save_checkpoint(path, saved)
    loaded = load_checkpoint(path, MADE_FROM)
    assert (loaded.made_from, loaded.epoch, loaded.step) == (MADE_FROM, 2, 3)
    assert loaded.state == {"history": [{"loss": 0.1 + 0.2}, {"loss": None}], "best": 0.25}
    assert loaded.arrays.keys() == saved.arrays.keys()
    for name, array in saved.arrays.items():
        np.testing.assert_array_equal(loaded.arrays[name], array, strict=True)
    assert [file.name for file in path.parent.iterdir()] == ["run.npz"]


@pytest.mark.parametrize("bit_generator", [np.random.PCG64, np.random.Philox])
def test_numpy_generator_goes_on_where_it_was(tmp_path: Path, bit_generator: Any) -> None:
    random = np.random.Generator(bit_generator(7))
    random.random(5)
    save_checkpoint(tmp_path / "run.npz", a_checkpoint(generator=random.bit_generator.state))
    other = np.random.Generator(bit_generator(8))
    other.bit_generator.state = load_checkpoint(tmp_path / "run.npz", MADE_FROM).state["generator"]
    assert other.random(5).tolist() == random.random(5).tolist()


def test_torch_generator_goes_on_where_it_was(tmp_path: Path) -> None:
    with torch.random.fork_rng(devices=()):
        save_checkpoint(tmp_path / "run.npz", a_checkpoint())
        expected = torch.rand(4)
        loaded = load_checkpoint(tmp_path / "run.npz", MADE_FROM)
        torch.set_rng_state(torch.from_numpy(loaded.arrays["torch_generator"]))
        assert torch.equal(torch.rand(4), expected)


def save_in_a_child(path: Path, before: str) -> "subprocess.CompletedProcess[str]":
    """Save a checkpoint of step 4 in another process, after some statements; it prints a UsageError."""
    child = (
        "import os, pathlib, resource, signal, sys\n"
        "import numpy as np\n"
        "from retrain.training.checkpoints import Checkpoint, save_checkpoint\n"
        "from schemas.errors import UsageError\n"
        f"{before}\n"
        "try:\n"
        "    save_checkpoint(pathlib.Path(sys.argv[1]), Checkpoint({}, 1, 4, {'a': np.zeros(9999)}, {}))\n"
        "except UsageError as error:\n"
        "    print(error)\n"
    )
    command = [sys.executable, "-c", child, str(path)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize("moment", ["fsync", "replace"])
def test_kill_while_writing_leaves_the_old_one(tmp_path: Path, moment: str) -> None:
    path = tmp_path / "run.npz"
    save_checkpoint(path, a_checkpoint(step=3))
    killed = save_in_a_child(path, f"os.{moment} = lambda *_: os.kill(os.getpid(), signal.SIGKILL)")
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / ".run.npz.unfinished").exists()
    assert load_checkpoint(path, MADE_FROM).step == 3
    save_checkpoint(path, a_checkpoint(step=5))
    assert load_checkpoint(path, MADE_FROM).step == 5


def test_full_disk_is_said_and_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    save_checkpoint(path, a_checkpoint(step=3))
    done = save_in_a_child(path, "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))")
    assert "run.npz: cannot be written (" in done.stdout
    assert load_checkpoint(path, MADE_FROM).step == 3


@pytest.mark.parametrize(
    ("made_from", "difference"),
    [
        (MADE_FROM | {"data_hash": "cd34"}, "training: data_hash was ab12 and is cd34; take"),
        (MADE_FROM | {"version": "0.2.0"}, "training: version was 0.1.0 and is 0.2.0; take"),
        (
            MADE_FROM | {"config": {"seed": 2, "learning_rate": 0.5}},
            "config.learning_rate was 0.1 and is 0.5; config.seed was 1 and is 2; take",
        ),
        (MADE_FROM | {"torch": "2.13"}, "torch was not known and is 2.13; take"),
    ],
)
def test_checkpoint_of_another_training_is_refused_with_the_differences(
    tmp_path: Path, made_from: dict[str, Any], difference: str
) -> None:
    save_checkpoint(tmp_path / "run.npz", a_checkpoint())
    with pytest.raises(UsageError) as refused:
        load_checkpoint(tmp_path / "run.npz", made_from)
    assert "belongs to another training" in str(refused.value)
    assert difference in str(refused.value)


def test_made_from_compares_as_json(tmp_path: Path) -> None:
    made_from = MADE_FROM | {"kinds": ("view", "cart"), "items": np.int64(5)}
    save_checkpoint(tmp_path / "run.npz", Checkpoint(made_from, 1, 1, {}, {}))
    assert load_checkpoint(tmp_path / "run.npz", made_from).made_from["kinds"] == ["view", "cart"]


@pytest.mark.parametrize("kept", [0.0, 0.01, 0.3, 0.7, 0.99])
def test_cut_file_is_called_damaged(tmp_path: Path, kept: float) -> None:
    path = tmp_path / "run.npz"
    save_checkpoint(path, a_checkpoint())
    whole = path.read_bytes()
    path.write_bytes(whole[: int(kept * len(whole))])
    with pytest.raises(UsageError, match=r"run.npz: it is damaged \(.*\); delete it to start anew"):
        load_checkpoint(path, MADE_FROM)


def test_changed_value_is_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "run.npz"
    save_checkpoint(path, a_checkpoint())
    changed = path.read_bytes().replace(np.float32(7).tobytes(), np.float32(8).tobytes(), 1)
    path.write_bytes(changed)
    with pytest.raises(UsageError, match="it is damaged"):
        load_checkpoint(path, MADE_FROM)


@pytest.mark.parametrize("description", ["{}", "[]", "no json"])
def test_archive_without_a_description_is_called_damaged(tmp_path: Path, description: str) -> None:
    with zipfile.ZipFile(tmp_path / "run.npz", "w") as archive:
        archive.writestr("checkpoint.json", description)
    with pytest.raises(UsageError, match="it is damaged"):
        load_checkpoint(tmp_path / "run.npz", MADE_FROM)


@pytest.mark.parametrize("save", [np.save, np.savez])
def test_other_numpy_files_are_called_damaged(tmp_path: Path, save: Any) -> None:
    with (tmp_path / "run.npz").open("wb") as file:
        save(file, np.zeros(3))
    with pytest.raises(UsageError, match="it is damaged"):
        load_checkpoint(tmp_path / "run.npz", MADE_FROM)


def test_pickle_in_the_file_is_never_loaded(tmp_path: Path) -> None:
    save_checkpoint(tmp_path / "run.npz", a_checkpoint())
    with zipfile.ZipFile(tmp_path / "run.npz", "a") as archive, archive.open("arrays/x.npy", "w") as member:
        np.lib.format.write_array(member, np.array([Path]), allow_pickle=True)
    with pytest.raises(UsageError, match=r"it is damaged \(Object arrays cannot be loaded"):
        load_checkpoint(tmp_path / "run.npz", MADE_FROM)


def test_another_format_is_refused(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "run.npz", "w") as archive:
        archive.writestr("checkpoint.json", json.dumps({"format": FORMAT + 1}))
    with pytest.raises(UsageError, match="its format is 2, not 1; delete it"):
        load_checkpoint(tmp_path / "run.npz", MADE_FROM)


def test_missing_file_is_said(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"run.npz: cannot be read \(No such file"):
        load_checkpoint(tmp_path / "run.npz", MADE_FROM)


def test_state_that_json_cannot_hold_is_a_bug(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match=r"cannot hold a \w*Path in its state"):
        save_checkpoint(tmp_path / "run.npz", a_checkpoint(where=tmp_path))
