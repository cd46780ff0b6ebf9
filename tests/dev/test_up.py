"""`millrace up` as a user runs it: its own example works, and Ctrl-C leaves nothing."""

import json
import signal
import socket
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from msgspec.structs import replace

from schemas.errors import InvalidRelease, UsageError
from schemas.gate_report import GateReport
from schemas.release_manifest import MANIFEST_FILE, encode_release_manifest
from streams.dev.child_processes import ChildProcesses
from streams.dev.log_warnings import LogWarnings
from streams.dev.ports import free_port
from streams.dev.up import newest_release
from tests.release_builder import a_manifest
from tests.retrain.releases.judged_releases import PASSED, REFUSED


@pytest.mark.timeout(300)
def test_example_that_up_prints_gets_a_list_for_its_event(children: ChildProcesses, tmp_path: Path) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    lookup_port, worker_port = free_port(), free_port()
    env = {"TMPDIR": str(temporary), "MILLRACE_RELEASES": str(tmp_path / "none"), "OMP_NUM_THREADS": "1"}
    ports = {"MILLRACE_LOOKUP_PORT": str(lookup_port), "MILLRACE_WORKER_PORT": str(worker_port)}
    up = children.start_millrace("up", env={**env, **ports})
    up.wait_until(lambda: "Ctrl-C ends it" in up.log_tail(3), 200)
    said = up.log_tail(60)
    program = said.partition("from Python:")[2].partition("Warnings of")[0]

    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, check=True, timeout=60)

    answer = json.loads(printed.stdout)
    assert answer["session_id"] == "me"
    assert len(answer["items"]) == 5
    assert f"http://127.0.0.1:{lookup_port}" in said
    assert f"http://127.0.0.1:{worker_port}" in said
    releases = Path(said.partition("MILLRACE_RELEASES=")[2].splitlines()[0])
    assert [path.parent.name for path in releases.glob("*/manifest.json")] == [answer["release_id"]]
    up.send_signal(signal.SIGINT)
    assert up.wait(60) == 0
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "none").exists()


def test_wanted_port_is_taken_where_it_is_free() -> None:
    wanted = free_port()
    assert free_port(wanted) == wanted


def test_wanted_port_that_is_in_use_is_replaced() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        wanted = server.getsockname()[1]
        assert free_port(wanted) != wanted


def test_warnings_of_a_log_are_given_once_and_whole(tmp_path: Path) -> None:
    log = tmp_path / "worker-0.log"
    log.write_text("t [warning  ] not ready yet\n")
    warnings = LogWarnings([log])
    with log.open("a") as more:
        more.write("t [info     ] ready\nt [warning  ] release refused\nt [err")
    assert list(warnings.new()) == ["worker: t [warning  ] release refused"]
    with log.open("a") as more:
        more.write('or    ] lost\n{"level": "error"}\n')
    assert list(warnings.new()) == ["worker: t [error    ] lost", 'worker: {"level": "error"}']
    assert list(warnings.new()) == []


def write_manifest(
    releases: Path, release_id: str, day: int, gate: GateReport | msgspec.UnsetType = msgspec.UNSET
) -> None:
    folder = releases / release_id
    folder.mkdir(parents=True)
    manifest = replace(a_manifest(release_id), created_at=datetime(2026, 1, day, tzinfo=UTC), gate=gate)
    (folder / MANIFEST_FILE).write_bytes(encode_release_manifest(manifest))


def test_release_that_was_made_last_is_served(tmp_path: Path) -> None:
    for release_id, day in (("a", 2), ("b", 3), ("c", 1)):
        write_manifest(tmp_path, release_id, day)

    newest = newest_release(str(tmp_path))

    assert newest is not None
    assert newest.release_id == "b"


def test_release_that_the_gate_refused_is_not_served(tmp_path: Path) -> None:
    write_manifest(tmp_path, "refused", 3, REFUSED)
    assert newest_release(str(tmp_path)) is None
    write_manifest(tmp_path, "by-hand", 1)
    write_manifest(tmp_path, "passed", 2, PASSED)
    newest = newest_release(str(tmp_path))
    assert newest is not None
    assert newest.release_id == "passed"


def test_folder_without_releases_has_no_newest_one(tmp_path: Path) -> None:
    assert newest_release(str(tmp_path / "none")) is None


def test_object_store_is_refused() -> None:
    with pytest.raises(UsageError, match="local folder"):
        newest_release("s3://shop/releases")


def test_broken_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / MANIFEST_FILE).write_text("{")

    with pytest.raises(InvalidRelease, match="manifest cannot be read"):
        newest_release(str(tmp_path))
