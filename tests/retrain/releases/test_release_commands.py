"""`millrace releases`, as one types it."""

import json
import os
from pathlib import Path

import pytest

import millrace
from schemas.release_manifest import MANIFEST_FILE
from streams.dev.ports import free_port
from tests.release_builder import write_release_tables
from tests.services.kafka_broker import Kafka


@pytest.fixture
def environment(kafka: Kafka, prefix: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for release_id in ("r1", "r2"):
        write_release_tables(tmp_path, release_id, ["a", "b"])
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers)
    monkeypatch.setenv("MILLRACE_RELEASES", str(tmp_path))
    monkeypatch.setenv("MILLRACE_RELEASES_TOPIC", kafka.create_topic(f"{prefix}releases", partitions=1))


@pytest.mark.usefixtures("environment")
def test_promoted_release_is_marked_in_the_list(capsys: pytest.CaptureFixture[str]) -> None:
    assert millrace.run(["releases", "promote", "r1"]) == 0
    assert millrace.run(["releases", "promote", "r2"]) == 0
    assert millrace.run(["releases", "rollback"]) == 0
    assert capsys.readouterr().out.splitlines()[-2:] == [
        "announced r1 as generation 3",
        "a second rollback would announce r2 again",
    ]
    assert millrace.run(["releases", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines] == ["release", "r1", "r2"]
    assert "generation 3" in lines[1]
    (Path(os.environ["MILLRACE_RELEASES"]) / "r2" / MANIFEST_FILE).write_text("{}")
    assert millrace.run(["releases", "list"]) == 0
    assert "unreadable: Object missing" in capsys.readouterr().out.splitlines()[-1]


@pytest.mark.usefixtures("environment")
def test_list_as_json_names_the_announced_generation(capsys: pytest.CaptureFixture[str]) -> None:
    assert millrace.run(["releases", "promote", "r1"]) == 0
    capsys.readouterr()
    assert millrace.run(["releases", "list", "--json"]) == 0
    listed = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(one["release_id"], one["announced_as_generation"]) for one in listed] == [
        ("r1", 1),
        ("r2", None),
    ]


@pytest.mark.usefixtures("environment")
def test_show_prints_the_manifest(capsys: pytest.CaptureFixture[str]) -> None:
    assert millrace.run(["releases", "show", "r1"]) == 0
    assert json.loads(capsys.readouterr().out)["metrics"] == {"recall@20": 0.5, "mrr@20": 0.25}


@pytest.mark.usefixtures("environment")
def test_unknown_release_gives_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    for command in ("show", "promote"):
        assert millrace.run(["releases", command, "r9"]) == 2
        errors = capsys.readouterr().err.splitlines()
        assert len(errors) == 1
        assert errors[0].startswith("millrace: no release 'r9' in ")


@pytest.mark.usefixtures("environment")
def test_list_of_an_empty_folder_and_of_a_file_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty, file = tmp_path / "empty", tmp_path / "file"
    empty.mkdir()
    file.touch()
    assert millrace.run(["releases", "list", "--releases", str(empty)]) == 0
    assert capsys.readouterr().out.startswith(f"no releases in {empty}; ")
    assert millrace.run(["releases", "list", "--releases", str(file)]) == 2
    assert capsys.readouterr().err.startswith(f"millrace: {file}: a file, not a folder of releases")


def test_list_and_show_work_without_kafka_and_say_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_release_tables(tmp_path, "r1", ["a", "b"])
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", f"127.0.0.1:{free_port()}")
        assert millrace.run(["releases", "list", "--releases", str(tmp_path)]) == 0
        listed = capsys.readouterr()
        assert millrace.run(["releases", "show", "r1", "--releases", str(tmp_path)]) == 0
    shown = capsys.readouterr()
    assert "r1" in listed.out
    assert json.loads(shown.out)["release_id"] == "r1"
    for printed in (listed, shown):
        assert "which release is announced is not known" in printed.err
