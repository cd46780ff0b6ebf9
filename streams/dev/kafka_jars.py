"""Apache Kafka's own jars, by Maven, into a cache folder; only the first run downloads (43 MB).

Caller: `jar_kafka`.
"""

import fcntl
import os
import subprocess
import tempfile
from pathlib import Path

from schemas.errors import UsageError

KAFKA_VERSION = "4.1.1"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
POM = f"""\
<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>millrace</groupId>
  <artifactId>kafka</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId>
      <artifactId>kafka_2.13</artifactId>
      <version>{KAFKA_VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.apache.logging.log4j</groupId>
      <artifactId>log4j-slf4j-impl</artifactId>
      <version>2.24.3</version>
    </dependency>
  </dependencies>
</project>
"""


def cache_folder() -> Path:
    """Where the jars stay between runs."""
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "millrace"


def fetch_jars(maven: Path, cache: Path) -> Path:
    """The folder of Kafka's jars, downloaded unless it is there; of several processes one does it.

    Raises:
        UsageError: Maven could not get them; the message has the end of what it said.
    """
    jars = cache / f"kafka-{KAFKA_VERSION}"
    if jars.is_dir():
        return jars
    cache.mkdir(parents=True, exist_ok=True)
    with (cache / "kafka.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not jars.is_dir():
            _download(maven, cache, jars)
    return jars


def _download(maven: Path, cache: Path, jars: Path) -> None:
    with tempfile.TemporaryDirectory(dir=cache) as folder:
        pom, downloaded = Path(folder, "pom.xml"), Path(folder, "jars")
        pom.write_text(POM)
        command: list[str | Path] = [maven, "-q", "-B", "-f", pom, COPY, f"-DoutputDirectory={downloaded}"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = "\n".join((done.stdout + done.stderr).splitlines()[-15:])
            raise UsageError(f"Maven could not get Kafka {KAFKA_VERSION}:\n{said}")
        downloaded.rename(jars)  # at once, so that a run that was cut short leaves no half of it
