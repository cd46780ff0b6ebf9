"""Delimited text: separators and headers told by the first line, every other line held to it."""

from pathlib import Path

import pytest

from retrain.importers.delimited_text import Layout, field_blocks
from schemas.errors import UsageError

SOURCE = Path("fields.csv")
LAYOUT = Layout(required=["id", "userName"], optional=["price"], example="1,ann,9.5")


def read(content: str, layout: Layout = LAYOUT, block_bytes: int = 2**20) -> list[tuple[str | None, ...]]:
    SOURCE.write_text(content)
    blocks = field_blocks(SOURCE, layout, block_bytes=block_bytes)
    return [row for block in blocks for row in block.fields.rows()]


def refusal(content: str, layout: Layout = LAYOUT) -> str:
    with pytest.raises(UsageError) as refused:
        read(content, layout)
    return str(refused.value)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("block_bytes", [1, 9, 2**20])
def test_columns_are_found_by_name_whatever_the_separator(separator: str, block_bytes: int) -> None:
    text = "price,ID,user_name,more\n9.5,1,ann,x\n,2,,y\n".replace(",", separator)
    assert read(text, block_bytes=block_bytes) == [("1", "ann", "9.5"), ("2", None, None)]


def test_optional_column_may_be_missing() -> None:
    assert read("id,username\n1,ann\n") == [("1", "ann")]


def test_first_of_two_columns_of_one_name_counts() -> None:
    assert read("id,username,ID\n1,ann,2\n") == [("1", "ann")]


def test_fields_in_quotes_hold_separators_and_quotes() -> None:
    assert read('"id","username"\n"1","ann, ""the"" one"\n2,"bob"\n') == [
        ("1", 'ann, "the" one'),
        ("2", "bob"),
    ]


def test_quotes_inside_of_a_field_are_part_of_it() -> None:
    assert read('id,price,username\n1,5" x 6",7" y\n2,,6" z\n') == [
        ("1", '7" y', '5" x 6"'),
        ("2", '6" z', None),
    ]


@pytest.mark.parametrize("content", ["", "\n\n", "id,username\n", "id,username"])
def test_file_without_lines_of_fields_has_no_blocks(content: str) -> None:
    assert read(content) == []


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("a,b\n", "1: no column 'id' in the first line, which is 'a, b'; name the columns id, userName"),
        (
            "id username\n1 ann\n",
            "1: no column 'id' in the first line, which is 'id username'; name the columns",
        ),
        ("id,username\n1,a\n2\n3,c\n", "3: 1 field, 2 are needed, the line is '2'; as in 1,ann,9.5"),
        ("id,username\n1,a\n2,b,c\n", "3: 3 fields, 2 are needed, the line is '2,b,c'; as in 1,ann,9.5"),
        ("id,username\n1,a,\n2\n", "2: 3 fields, 2 are needed, the line is '1,a,'; as in 1,ann,9.5"),
        ("id,username\n1;a\n", "2: 1 field, 2 are needed, the line is '1;a'; as in 1,ann,9.5"),
        (
            'id,username\n\n1,"a\nb",2\n',
            "3: double quotes that do not close, or a lone carriage return, in the line '1,\"a'; a field",
        ),
        ('id,username\n1,"a",2\n', "2: 3 fields, 2 are needed, the line is '1,\"a\",2'; as in 1,ann,9.5"),
        (
            "id,username\n1,a\rb,c\n",
            "2: double quotes that do not close, or a lone carriage return, in the line '1,a\\rb,c'; a field",
        ),
        (
            f"id,username\n1,a,{'x' * 99}\n",
            f"2: 3 fields, 2 are needed, the line is '1,a,{'x' * 76}…'; as in",
        ),
    ],
)
def test_line_that_does_not_fit_is_named(content: str, said: str) -> None:
    assert refusal(content).startswith(f"fields.csv:{said}")


def test_without_a_header_columns_go_by_their_order() -> None:
    layout = Layout(required=["id", "userName"], header=False, example="1,ann")
    assert read("1;ann\n2;bob\n", layout) == [("1", "ann"), ("2", "bob")]
    assert refusal("1,ann,9.5\n", layout) == (
        "fields.csv:1: 3 fields, 2 are needed, the line is '1,ann,9.5'; as in 1,ann"
    )


def test_rows_know_their_lines() -> None:
    SOURCE.write_text("\nid,username\n1,a\n\n2,b\n")
    (block,) = field_blocks(SOURCE, LAYOUT)
    assert [block.place(row) for row in range(2)] == ["fields.csv:3", "fields.csv:5"]
