"""The java and mvn of this machine, where they can run Kafka's jars. Callers: `jar_kafka`'s users."""

import os
import re
import shutil
import subprocess
from pathlib import Path

LEAST_JAVA = 17
"""What Kafka 4 needs."""


def find_java() -> Path | None:
    """The java of JAVA_HOME or PATH, if it is new enough."""
    home = os.environ.get("JAVA_HOME")
    java = _path(shutil.which("java", path=f"{home}/bin" if home else None))
    return java if java and java_version(java) >= LEAST_JAVA else None


def find_maven() -> Path | None:
    """The mvn on PATH."""
    return _path(shutil.which("mvn"))


def java_version(java: Path) -> int:
    """The feature version of a java program, as 17; 0 where it does not say."""
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False, timeout=30).stderr
    version = re.search(r'version "(\d+)', said)
    return int(version[1]) if version else 0


def _path(program: str | None) -> Path | None:
    return Path(program) if program else None
