"""The demo as a user runs it: a child process, a small shop, its JSON and what it leaves behind."""

import json
import re
import signal
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

import millrace
from streams.dev.child_processes import Child, ChildProcesses, answers_ok

pytestmark = pytest.mark.timeout(300)
RUN_TIMEOUT_S = 240.0


@pytest.fixture
def start_demo(children: ChildProcesses, tmp_path: Path) -> Callable[..., Child]:
    """Starts `millrace demo` with a temporary folder of its own, `tmp_path / "temporary"`."""
    temporary = tmp_path / "temporary"
    temporary.mkdir()

    def start(*arguments: str | Path) -> Child:
        env = {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1", "MILLRACE_EVENT_TOPICS": "of-somebody-else"}
        return children.start_millrace("demo", *arguments, env=env)

    return start


def descendants(child: Child) -> list[psutil.Process]:
    return psutil.Process(child.pid).children(recursive=True)


def are_gone(processes: list[psutil.Process]) -> bool:
    """Whether all have ended, or end within ten seconds: a killed parent's children end a moment after it."""
    _, alive = psutil.wait_procs(processes, timeout=10)
    return all(process.status() == psutil.STATUS_ZOMBIE for process in alive)


def test_demo_answers_every_event_and_agrees_with_the_offline_evaluation(
    start_demo: Callable[..., Child], tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    demo = start_demo("--sessions", "400", "--json", out, "--serve")
    demo.wait_until(lambda: "Still serving" in demo.log_tail(), RUN_TIMEOUT_S)
    url = re.search(r"(http://\S+)/popular", demo.log_tail())
    assert url
    assert answers_ok(f"{url[1]}/popular?k=3", timeout_s=30)
    demo.send_signal(signal.SIGINT)
    assert demo.wait(60) == 0, demo.log_tail(50)

    summary = json.loads(out.read_bytes())
    assert summary["events"] > 300
    assert summary["recommendations"] == summary["events"]
    assert (summary["missing"], summary["dead_letters"], summary["duplicates"]) == (0, 0, 0)
    assert summary["lookup_equals_topic"]
    assert summary["lookup_checked"] == 80
    assert summary["recall_n"] == summary["recall_n_offline"] == summary["events"] - 80
    assert abs(summary["recall_at_20_emitted"] - summary["recall_at_20_offline"]) <= 0.002
    assert summary["recall_at_20_emitted"] > 2 * summary["popularity_recall_at_20"]
    assert 0 < summary["freshness_ms"]["p50"] <= summary["freshness_ms"]["p99"]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_demo_ended_in_the_middle_leaves_no_process_and_no_folder(
    start_demo: Callable[..., Child], tmp_path: Path
) -> None:
    demo = start_demo("--sessions", "2000")
    demo.wait_until(lambda: "Redis at" in demo.log_tail(), 60)
    started = descendants(demo)
    assert started

    demo.send_signal(signal.SIGTERM)

    assert demo.wait(60) == 128 + signal.SIGTERM
    assert are_gone(started)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_demo_whose_worker_dies_says_so_in_one_line(start_demo: Callable[..., Child], tmp_path: Path) -> None:
    demo = start_demo("--sessions", "4000")
    demo.wait_until(lambda: "serve the release" in demo.log_tail(), RUN_TIMEOUT_S)
    (worker,) = [process for process in descendants(demo) if process.cmdline()[-1] == "worker"]

    worker.kill()

    assert demo.wait(60) == 2
    assert "millrace: the worker ended with exit code -9" in demo.log_tail(1)
    assert list((tmp_path / "temporary").iterdir()) == []


def test_interrupted_demo_ends_with_130(start_demo: Callable[..., Child], tmp_path: Path) -> None:
    demo = start_demo("--sessions", "2000")
    demo.wait_until(lambda: "Redis at" in demo.log_tail(), 60)

    demo.send_signal(signal.SIGINT)

    assert demo.wait(60) == 130, demo.log_tail(50)
    assert list((tmp_path / "temporary").iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--events", "none.parquet"], "none.parquet: no such file"),
        (["--json", "no-such-folder/out.json"], "there is no folder no-such-folder"),
        (["--event-type-map", "addtocart=basket"], "map to one of view, cart, purchase"),
    ],
)
def test_wrong_option_is_refused_in_one_line(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert millrace.run(["demo", *arguments]) == 2

    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1
    assert message in lines[0]


def test_catalogue_of_one_item_is_refused_in_one_line(
    start_demo: Callable[..., Child], tmp_path: Path
) -> None:
    path = tmp_path / "events.csv"
    path.write_text("session_id,item_id\n" + "".join(f"s{at // 2},a\n" for at in range(60)))
    demo = start_demo("--events", path)

    assert demo.wait(120) == 2
    assert "millrace: `millrace train` failed: items to choose from: 1;" in demo.log_tail(1)
