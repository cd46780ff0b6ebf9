"""What the gate refused is announced by force only, and that is to be seen."""

import json
import os
from pathlib import Path

import pytest

import millrace
from retrain.releases.announcing import read_announcements
from schemas.ids import ReleaseId
from schemas.release_announcement import ReleaseAnnouncement
from tests.release_builder import write_release_tables
from tests.retrain.releases.judged_releases import PASSED, REFUSED, judge_in_place
from tests.services.kafka_broker import Kafka


@pytest.fixture(autouse=True)
def _environment(kafka: Kafka, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """r1 and r3 passed the gate, r2 was refused."""
    for release_id, gate in (("r1", PASSED), ("r2", REFUSED), ("r3", PASSED)):
        judge_in_place(tmp_path, write_release_tables(tmp_path, release_id, ["a", "b"]), gate)
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("MILLRACE_RELEASES", str(tmp_path))
    monkeypatch.setenv("MILLRACE_RELEASES_TOPIC", kafka.create_topic(f"{prefix}releases", partitions=1))


def announced() -> list[ReleaseAnnouncement]:
    kafka = {"bootstrap_servers": os.environ["MILLRACE_KAFKA_BOOTSTRAP_SERVERS"]}
    return [one.announcement for one in read_announcements(kafka, os.environ["MILLRACE_RELEASES_TOPIC"])]


def releases(*arguments: str) -> int:
    return millrace.run(["releases", *arguments])


def test_refused_release_is_not_announced_and_the_rule_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert releases("promote", "r2") == 2
    assert capsys.readouterr().err == (
        "millrace: release r2: the gate refused it by recall_loss (figure -0.05, threshold -0.01) - "
        "announce it all the same with --force\n"
    )
    assert announced() == []


def test_force_announces_it_and_is_recorded(capsys: pytest.CaptureFixture[str]) -> None:
    assert releases("promote", "r2", "--force", "--reason", "the slice was odd") == 0
    assert capsys.readouterr().out == "announced r2 as generation 1, though the gate refused it\n"
    (announcement,) = announced()
    assert announcement.forced is True
    assert announcement.reason == "promoted by hand: the slice was odd"
    assert releases("list") == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.split()[0] == "r2"]
    assert "refused: recall_loss" in line
    assert "running: generation 1" in line
    assert "forced" in line
    assert releases("show", "r2") == 0
    shown = capsys.readouterr()
    assert json.loads(shown.out)["gate"]["refusals"][0]["rule"] == "recall_loss"
    assert "forced, promoted by hand: the slice was odd" in shown.err


def test_force_on_a_release_that_passed_is_no_forced_announcement() -> None:
    assert releases("promote", "r1", "--force") == 0
    (announcement,) = announced()
    assert not announcement.forced
    assert announcement.reason == "promoted by hand"


def test_rollback_passes_a_refused_release_over_and_records_its_reason(
    capsys: pytest.CaptureFixture[str],
) -> None:
    for arguments in (["promote", "r1"], ["promote", "r2", "--force"], ["promote", "r3"]):
        assert releases(*arguments) == 0
    capsys.readouterr()
    assert releases("rollback", "--reason", "fewer hits") == 0
    printed = capsys.readouterr()
    assert printed.err == "passed over r2: the gate refused it (recall_loss)\n"
    assert printed.out.splitlines() == [
        "announced r1 as generation 4",
        "a second rollback would announce r3 again",
    ]
    assert announced()[-1].reason == "rolled back by hand: fewer hits"


def test_rollback_from_a_forced_release_says_that_none_would_follow(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert releases("promote", "r1") == 0
    assert releases("promote", "r2", "--force") == 0
    assert releases("rollback") == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        "a second rollback would find no release that the gate passed"
    )


def test_rollback_passes_a_release_over_whose_files_are_not_whole(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for release_id in ("r1", "r3", "r1", "r3"):
        assert releases("promote", release_id) == 0
    judge_in_place(tmp_path, write_release_tables(tmp_path, "r4", ["a", "b"]), PASSED)
    assert releases("promote", "r4") == 0
    next((tmp_path / "r3").glob("vocab*")).unlink()
    capsys.readouterr()
    assert releases("rollback") == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("passed over r3: release r3: vocabulary")
    assert printed.err.endswith("is missing\n")
    assert announced()[-1].release_id == "r1"


def test_rollback_whose_target_is_gone_says_so_and_changes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert releases("promote", "r1") == 0
    assert releases("promote", "r3") == 0
    for path in (tmp_path / "r1").iterdir():
        path.unlink()
    capsys.readouterr()
    assert releases("rollback") == 2
    assert capsys.readouterr().err.startswith(
        "millrace: no release that ran before r3 can be gone back to (r1: it is gone); see `millrace "
    )
    assert len(announced()) == 2


def test_list_as_json_has_the_gate_and_where_a_rollback_goes(capsys: pytest.CaptureFixture[str]) -> None:
    assert releases("promote", "r1") == 0
    assert releases("promote", "r2", "--force") == 0
    capsys.readouterr()
    assert releases("list", "--json") == 0
    listed = {line["release_id"]: line for line in map(json.loads, capsys.readouterr().out.splitlines())}
    assert [listed[name]["gate"] for name in ("r1", "r2", "r3")] == [
        "passed",
        "refused: recall_loss",
        "passed",
    ]
    assert [listed[name]["is_rollback_target"] for name in ("r1", "r2", "r3")] == [True, False, False]
    assert (listed["r2"]["forced"], listed["r2"]["reason"]) == (True, "promoted by hand")
    assert (listed["r1"]["forced"], listed["r1"]["reason"]) == (False, None)


def test_prune_prints_what_becomes_of_each_release(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    judge_in_place(tmp_path, write_release_tables(tmp_path, "r0", ["a"]), REFUSED)
    assert releases("promote", "r1") == 0
    capsys.readouterr()
    assert releases("prune", "--keep", "1", "--keep-days", "0", "--dry-run") == 0
    assert capsys.readouterr().out.splitlines()[-1] == "3 of 4 would be removed"
    assert releases("prune", "--keep", "2", "--keep-days", "0") == 0
    lines = capsys.readouterr().out.splitlines()
    assert {"r0: removed", "r2: removed", "r1: kept: it is the announced one"} <= set(lines)
    assert lines[-1] == "2 of 4 removed"
    assert not (tmp_path / ReleaseId("r0")).exists()
