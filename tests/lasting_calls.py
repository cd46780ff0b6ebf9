"""What a process asks of the operating system to make files last, in order; and what a loss of power leaves.

Everything is carried out. A file lasts from when it and, after it has its name, its folder were asked for.
"""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

Call = tuple[str, Path, Path]
"""`fsync`, `mkdir` or `rename`; of what; and for a rename to what, else the same."""


@contextmanager
def recorded_calls(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Call]]:
    calls: list[Call] = []

    def note(name: str, *paths: Any) -> None:
        first, last = Path(os.fspath(paths[0])), Path(os.fspath(paths[-1]))
        calls.append((name, first.absolute(), last.absolute()))

    def instead(name: str, of: Callable[..., Any]) -> Callable[..., Any]:
        def call(*paths: Any, **options: Any) -> Any:
            done = of(*paths, **options)
            note("mkdir" if name == "mkdir" else "rename", *(paths[:1] if name == "mkdir" else paths))
            return done

        return call

    def fsync(handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        calls.append(("fsync", path, path))
        real_fsync(handle)

    real_fsync = os.fsync
    with monkeypatch.context() as patched:
        patched.setattr(os, "fsync", fsync)
        for name in ("mkdir", "rename", "replace"):
            patched.setattr(os, name, instead(name, getattr(os, name)))
        yield calls


def lost_at(calls: list[Call], moment: int, root: Path) -> set[Path]:
    """What of the renamed files and new folders is not on the disc for certain after so many calls.

    Args:
        calls: all of them.
        moment: how many were made.
        root: what lies outside is not looked at; it was there before.
    """
    made = calls[:moment]
    lost = set()
    for number, (name, first, path) in enumerate(made):
        if name == "fsync" or root not in path.parents:
            continue
        after = {of for what, of, _ in made[number + 1 :] if what == "fsync"}
        before = {of for what, of, _ in made[:number] if what == "fsync"}
        if path.parent not in after or (name == "rename" and first not in before):
            lost.add(path)
    return lost
