"""The command line as a whole: what it starts with, how it ends, what it tells."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

import millrace
from streams.dev.ports import free_port

HEAVY = (
    "torch",
    "polars",
    "pandas",
    "faust",
    "aiokafka",
    "litestar",
    "onnxruntime",
    "faiss",
    "pydantic_settings",
)
PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"


@pytest.fixture(autouse=True)
def _bare_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("MILLRACE_")]:
        monkeypatch.delenv(name)


def test_help_imports_nothing_heavy() -> None:
    program = (
        "import sys, millrace\n"
        "assert millrace.run(['--help']) == 0\n"
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_help_lists_the_commands(capsys: pytest.CaptureFixture[str]) -> None:
    assert millrace.run(["--help"]) == 0
    printed = capsys.readouterr().out
    for command in ("worker", "lookup", "train", "evaluate", "releases", "dead-letters", "schema", "config"):
        assert f" {command} " in printed


def test_no_command_shows_the_help_and_fails(capsys: pytest.CaptureFixture[str]) -> None:
    assert millrace.run([]) == 2
    assert "Usage: millrace" in capsys.readouterr().out


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert millrace.run(["--version"]) == 0
    assert capsys.readouterr().out.startswith("millrace ")


@pytest.mark.parametrize(
    ("arguments", "line"),
    [
        (["wrok"], "millrace: No such command 'wrok'."),
        (["config", "--nope"], "millrace: No such option: --nope"),
        (["lookup", "--port", "http"], "millrace: Invalid value for '--port': "),
        (["releases", "show"], "millrace: Missing argument 'RELEASE'."),
        (["releases"], "millrace: Missing command."),
        (["dead-letters", "show", "--since", "soon"], "millrace: --since soon: give 30m, 2h, 7d"),
    ],
)
def test_wrong_call_gives_one_line_and_exit_code_2(
    arguments: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert millrace.run(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert len(printed.err.splitlines()) == 1
    assert printed.err.startswith(line)


@pytest.mark.parametrize("command", ["lookup", "schema", "releases list"])
def test_wrong_setting_gives_one_line_and_exit_code_2(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLRACE_REDIS_BUCKETS", "none")
    assert millrace.run(command.split()) == 2
    assert capsys.readouterr().err == (
        "millrace: MILLRACE_REDIS_BUCKETS=none: input should be a valid integer, "
        "unable to parse string as an integer\n"
    )


def test_interrupted_command_ends_with_130(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("schemas.settings.read_settings", lambda *_: interrupt())
    assert millrace.run(["schema"]) == 130


def test_console_script_exits_with_the_code(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["millrace", "nope"])
    with pytest.raises(SystemExit) as ended:
        millrace.main()
    assert ended.value.code == 2


def test_config_shows_settings_and_warns_of_unknown_variables(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLRACE_LOOKUP_PROT", "1")
    monkeypatch.setenv("MILLRACE_K", "7")
    assert millrace.run(["config"]) == 0
    printed = capsys.readouterr()
    assert "MILLRACE_LOOKUP_PORT" in printed.out
    assert printed.err == (
        "warning: MILLRACE_LOOKUP_PROT is no setting of Millrace; did you mean MILLRACE_LOOKUP_PORT?\n"
    )


@pytest.mark.parametrize(
    "command", ["dead-letters show", "dead-letters replay", "releases rollback", "retrain once"]
)
def test_kafka_that_is_away_gives_the_same_line_in_every_command(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    address = f"127.0.0.1:{free_port()}"
    monkeypatch.setenv("MILLRACE_KAFKA_BOOTSTRAP_SERVERS", address)
    assert millrace.run(command.split()) == 2
    assert capsys.readouterr().err.splitlines()[-1] == (
        f"millrace: Kafka at {address} cannot be reached; start it, or set MILLRACE_KAFKA_BOOTSTRAP_SERVERS"
    )


def test_command_warns_once_of_a_misspelt_variable(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLRACE_KK", "7")
    assert millrace.run(["schema"]) == 0
    assert capsys.readouterr().err == (
        "warning: MILLRACE_KK is no setting of Millrace; did you mean MILLRACE_K?\n"
    )
    assert millrace.run(["schema", "--help"]) == 0
    assert capsys.readouterr().err == ""


def test_config_check_fails_on_unknown_variables_and_wrong_values(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert millrace.run(["config", "--check"]) == 0
    assert capsys.readouterr().out == "the settings are valid\n"
    monkeypatch.setenv("MILLRACE_LOOKUP_PROT", "1")
    assert millrace.run(["config", "--check"]) == 2
    monkeypatch.delenv("MILLRACE_LOOKUP_PROT")
    monkeypatch.setenv("MILLRACE_LOOKUP_PORT", "99999")
    assert millrace.run(["config", "--check"]) == 2
    assert "MILLRACE_LOOKUP_PORT=99999" in capsys.readouterr().err


def test_config_check_fails_on_a_model_config_that_is_not_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("MILLRACE_RETRAIN_CONFIG", str(tmp_path / "gone.toml"))
    assert millrace.run(["config", "--check"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(
        f"millrace: MILLRACE_RETRAIN_CONFIG: model config {tmp_path}/gone.toml: cannot be read"
    )


def test_config_marks_wrong_values_and_says_what_is_wrong_with_each(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLRACE_K", "0")
    monkeypatch.setenv("MILLRACE_REDIS_BUCKETS", "none")
    assert millrace.run(["config"]) == 0
    printed = capsys.readouterr()
    assert "0 (wrong)" in printed.out
    assert "none (wrong)" in printed.out
    assert [line.partition(": input")[0] for line in printed.err.splitlines()] == [
        "warning: MILLRACE_REDIS_BUCKETS=none",
        "warning: MILLRACE_K=0",
    ]


def test_documented_settings_are_those_there_are(capsys: pytest.CaptureFixture[str]) -> None:
    """Where it fails: put the output of `millrace config --markdown` in place of the page's tables."""
    assert millrace.run(["config", "--markdown"]) == 0
    table = [line for line in PAGE.read_text().splitlines() if line.startswith("|")]
    assert table == [line for line in capsys.readouterr().out.splitlines() if line]


def test_every_setting_has_a_meaning(capsys: pytest.CaptureFixture[str]) -> None:
    assert millrace.run(["config", "--markdown"]) == 0
    assert [line for line in capsys.readouterr().out.splitlines() if line.endswith("|  |")] == []


def test_schema_writes_a_file_for_every_schema(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert millrace.run(["schema", "--out", str(tmp_path / "new" / "folder")]) == 0
    written = sorted(Path(line) for line in capsys.readouterr().out.splitlines())
    assert written == sorted((tmp_path / "new" / "folder").iterdir())
    names = [path.name for path in written]
    assert {"asyncapi.json", "item-event.v1.schema.json", "recommendation-list.v1.schema.json"} <= set(names)
    for path in written:
        document = json.loads(path.read_text())
        if path.name != "asyncapi.json":
            Draft202012Validator.check_schema(document)


def test_schema_prints_asyncapi_with_the_configured_topics(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("MILLRACE_EVENT_TOPICS", "views,carts")
    assert millrace.run(["schema"]) == 0
    document = json.loads(capsys.readouterr().out)
    assert {"views", "carts", "recommendations"} <= set(document["channels"])


def test_schema_that_cannot_be_written_gives_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("in the way")
    assert millrace.run(["schema", "--out", str(tmp_path / "file")]) == 2
    assert capsys.readouterr().err.startswith("millrace: ")
