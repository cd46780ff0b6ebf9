"""What a process has used, from outside: CPU time, memory, open files. Linux only; elsewhere None.

Callers: the online benches.
"""

import os
from pathlib import Path


def cpu_s(pid: int) -> float | None:
    """User and system time of a process, its threads included, seconds."""
    path = Path(f"/proc/{pid}/stat")
    if not path.exists():
        return None
    user, system = path.read_text().rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def peak_rss_mb(pid: int) -> float | None:
    """The most memory that a process has had resident, MB."""
    return _status_mb(pid, "VmHWM")


def rss_mb(pid: int) -> float | None:
    """The memory that a process has resident, MB."""
    return _status_mb(pid, "VmRSS")


def own_mb(pid: int) -> float | None:
    """Of the resident memory what is no page of a file, MB."""
    return _status_mb(pid, "RssAnon")


def open_files(pid: int) -> int | None:
    """The file descriptors that a process has."""
    folder = Path(f"/proc/{pid}/fd")
    return len(list(folder.iterdir())) if folder.exists() else None


def _status_mb(pid: int, name: str) -> float | None:
    path = Path(f"/proc/{pid}/status")
    lines = path.read_text().splitlines() if path.exists() else []
    found = [line.split()[1] for line in lines if line.startswith(f"{name}:")]
    return int(found[0]) * 1024 / 1e6 if found else None
