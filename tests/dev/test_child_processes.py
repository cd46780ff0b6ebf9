import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from streams.dev.child_processes import ChildFailed, ChildProcesses, answers_ok
from streams.dev.orphan_guard import read_orphans
from tests.waiting import DEADLINE_S

SLEEPER = [sys.executable, "-c", "import time; print('asleep', flush=True); time.sleep(600)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal as s, time; s.signal(s.SIGTERM, s.SIG_IGN); print('deaf', flush=True); time.sleep(600)",
]
# A parent with one child, which tells the child's process id and then waits.
PARENT = f"""
import sys, time
from streams.dev.child_processes import ChildProcesses
with ChildProcesses() as children:
    print(children.start("sleeper", {SLEEPER!r}).pid, flush=True)
    time.sleep(600)
"""


def test_children_end_with_their_block() -> None:
    with ChildProcesses() as children:
        pids = [children.start("sleeper", SLEEPER).pid for _ in range(2)]
        assert all(map(psutil.pid_exists, pids))
    assert not any(map(psutil.pid_exists, pids))


def test_children_end_when_their_block_raises() -> None:
    with suppress(KeyboardInterrupt), ChildProcesses() as children:
        child = children.start("sleeper", SLEEPER)
        raise KeyboardInterrupt
    assert not child.is_running()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_child_does_not_outlive_a_parent_that_is_signalled(number: signal.Signals) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert psutil.pid_exists(pid)
        parent.send_signal(number)
    wait_until(lambda: not is_alive(pid))


def test_term_is_enough_for_a_child_that_listens(children: ChildProcesses) -> None:
    assert children.start("sleeper", SLEEPER).terminate() == -signal.SIGTERM


def test_child_that_ignores_term_is_killed(children: ChildProcesses) -> None:
    child = children.start("stubborn", STUBBORN)
    child.wait_until(lambda: "deaf" in child.log_tail(), DEADLINE_S)
    assert child.terminate(timeout_s=0.2) == -signal.SIGKILL


def test_stopped_child_is_ended_too(children: ChildProcesses) -> None:
    child = children.start("sleeper", SLEEPER)
    child.send_signal(signal.SIGSTOP)
    assert child.terminate() == -signal.SIGTERM


def test_kill_reaches_what_the_child_started(children: ChildProcesses) -> None:
    child = children.start("shell", ["bash", "-c", "sleep 600 & echo $!; wait"])
    child.wait_until(lambda: child.log_tail().isdigit(), DEADLINE_S)
    grandchild = int(child.log_tail())
    child.kill()
    wait_until(lambda: not is_alive(grandchild))


def test_child_that_ends_before_it_is_ready_shows_the_end_of_its_log(children: ChildProcesses) -> None:
    child = children.start("loser", [sys.executable, "-c", "import sys; print('no luck'); sys.exit(3)"])
    with pytest.raises(ChildFailed, match="loser ended with exit code 3\nno luck"):
        child.wait_until(lambda: False, DEADLINE_S)


def test_child_that_is_not_ready_in_time_shows_the_end_of_its_log(children: ChildProcesses) -> None:
    child = children.start("sleeper", SLEEPER)
    child.wait_until(lambda: "asleep" in child.log_tail(), DEADLINE_S)
    with pytest.raises(ChildFailed, match=r"sleeper was not ready after 0\.2 s\nasleep"):
        child.wait_until(lambda: False, 0.2)


def test_wait_gives_the_exit_code(children: ChildProcesses) -> None:
    assert children.start("quick", [sys.executable, "-c", "import sys; sys.exit(2)"]).wait(DEADLINE_S) == 2


def test_wait_for_a_child_that_does_not_end_is_refused(children: ChildProcesses) -> None:
    with pytest.raises(ChildFailed, match=r"sleeper still runs after 0\.1 s"):
        children.start("sleeper", SLEEPER).wait(0.1)


def test_child_gets_its_variables_beside_ours(
    children: ChildProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OURS", "1")
    child = children.start("env", ["bash", "-c", "echo $OURS$THEIRS"], env={"THEIRS": "2"})
    assert child.wait(DEADLINE_S) == 0
    assert child.log_tail() == "12"


def test_logs_stay_in_the_folder_given(tmp_path: Path) -> None:
    with ChildProcesses(tmp_path) as children:
        children.start("hello", ["echo", "hello"]).wait(DEADLINE_S)
    assert (tmp_path / "hello-0.log").read_text() == "hello\n"


def test_service_is_ready_when_readyz_says_so(children: ChildProcesses, tmp_path: Path) -> None:
    (tmp_path / "readyz").touch()
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), file_handler(tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{server.server_port}"
        children.start("sleeper", SLEEPER).wait_until_ready(url, timeout_s=DEADLINE_S)
        assert not answers_ok(f"{url}/missing")
        server.shutdown()
    assert not answers_ok(f"{url}/readyz")


def test_guard_ends_only_what_was_not_forgotten() -> None:
    assert read_orphans(["+1\n", "+2\n", "-1\n", "+3\n"]) == {2, 3}


def file_handler(folder: Path) -> Callable[..., http.server.SimpleHTTPRequestHandler]:
    def handler(*arguments: object) -> http.server.SimpleHTTPRequestHandler:
        return http.server.SimpleHTTPRequestHandler(*arguments, directory=os.fspath(folder))  # type: ignore[arg-type]

    return handler


def is_alive(pid: int) -> bool:
    # Where nobody reaps orphans, as in some containers, an ended one stays as a zombie.
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def wait_until(condition: Callable[[], bool], timeout_s: float = DEADLINE_S) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, "the condition did not come true in time"
        time.sleep(0.02)
