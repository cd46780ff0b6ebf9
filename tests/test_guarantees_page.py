"""docs/guarantees.md: every test that it calls upon is there."""

import re
from pathlib import Path

TESTS = Path(__file__).parent
PAGE = (TESTS.parent / "docs" / "guarantees.md").read_text()


def test_every_test_that_the_page_names_is_there() -> None:
    named = re.findall(r"`([\w/]*\.py)?::(test_\w+)`", PAGE)
    assert len(named) > 15
    file = ""
    for own_file, function in named:
        file = own_file or file  # `::test_b` after `file.py::test_a` is of the same file
        assert f"def {function}(" in (TESTS / file.removeprefix("tests/")).read_text(), f"{file}::{function}"
