"""The examples in docs/importing.md are what the importers read; its options are those of the commands."""

import re
from pathlib import Path

import pytest

import millrace
from tests.retrain.importers.import_runs import imported

PAGE = (Path(__file__).parents[3] / "docs" / "importing.md").read_text()
EXAMPLES = re.findall(r"```(?:json|csv)\n(.*?)```", PAGE, re.DOTALL)
FORMATS = re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("publisher", "example"), list(zip(FORMATS, EXAMPLES, strict=True)))
def test_example_of_each_format_is_imported(
    publisher: str, example: str, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("example.txt").write_text(example)
    said = imported(capsys, publisher, "example.txt", "example.parquet")
    assert said[0] == "example.parquet: 1 event in time order"


def test_page_names_every_option(capsys: pytest.CaptureFixture[str]) -> None:
    for publisher in FORMATS:
        assert millrace.run(["import", publisher, "--help"]) == 0
    options = set(re.findall(r"--[a-z][a-z0-9-]+", capsys.readouterr().out)) - {"--help"}
    assert options
    assert {option for option in options if option not in PAGE} == set()


def test_page_and_command_know_the_same_formats(capsys: pytest.CaptureFixture[str]) -> None:
    assert millrace.run(["import", "--help"]) == 0
    assert set(re.findall(r"│ (\w+) ", capsys.readouterr().out)) >= set(FORMATS)
    assert len(FORMATS) == 5
