"""An object store that fails when it is told to: fsspec's memory store with trouble added."""

import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import fsspec
from fsspec.implementations.memory import MemoryFileSystem


class FailingStore(MemoryFileSystem):  # type: ignore[misc]  # fsspec has no types
    """Reached as failing://BUCKET/…; shares its content with memory://."""

    protocol = "failing"
    cachable = False
    trouble: Callable[[str], None] = staticmethod(lambda _: None)
    """Called with the path of each file before it is read."""

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        return str(super()._strip_protocol(path.replace("failing://", "memory://", 1)))

    def get_file(self, rpath: str, lpath: str, **options: Any) -> Any:
        """Copy a file out."""
        type(self).trouble(rpath)
        return super().get_file(rpath, lpath, **options)

    def cat_file(self, path: str, **options: Any) -> Any:
        """Read a file."""
        type(self).trouble(path)
        return super().cat_file(path, **options)

    def _open(self, path: str, *arguments: Any, **options: Any) -> Any:
        type(self).trouble(path)
        return super()._open(path, *arguments, **options)


fsspec.register_implementation("failing", FailingStore, clobber=True)


def upload(folder: Path) -> str:
    """Put a folder into the store; its failing:// URL."""
    bucket = f"bucket-{uuid.uuid4().hex}"
    fsspec.filesystem("memory").put(str(folder), f"/{bucket}", recursive=True)
    return f"failing://{bucket}"


def fail_on(part: str) -> Callable[[str], None]:
    """Trouble: a connection that breaks on paths with this part."""

    def trouble(path: str) -> None:
        if part in path:
            raise ConnectionError(f"connection lost at {part}")

    return trouble
