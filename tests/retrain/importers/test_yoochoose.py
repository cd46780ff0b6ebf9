"""`millrace import yoochoose`: clicks and buys without headers to views and purchases of sessions."""

from pathlib import Path

import pytest

from tests.retrain.importers.import_runs import imported, refusal, rows

CLICKS = """\
1,2014-04-07T10:51:09.277Z,214536502,0
1,2014-04-07T10:54:09.868Z,214536500,S
2,2014-04-07T10:51:09.277Z,214577561,3
"""
BUYS = """\
1,2014-04-07T10:54:09.868Z,214536500,12462,1
2,2014-04-07T10:55:00.000Z,214577561,0,0
"""
COLUMNS = ("session_id", "item_id", "event_type", "occurred_at", "category", "price", "quantity")
CLICKED = [
    ("1", "214536502", "view", "2014-04-07 10:51:09.277", None, None, None),
    ("2", "214577561", "view", "2014-04-07 10:51:09.277", "3", None, None),
    ("1", "214536500", "view", "2014-04-07 10:54:09.868", "S", None, None),
]
BOUGHT = [
    ("1", "214536500", "purchase", "2014-04-07 10:54:09.868", None, 12462.0, 1.0),
    ("2", "214577561", "purchase", "2014-04-07 10:55:00.000", None, None, None),
]


@pytest.fixture
def folder() -> Path:
    path = Path("yoochoose-data")
    path.mkdir()
    (path / "yoochoose-clicks.dat").write_text(CLICKS)
    (path / "yoochoose-buys.dat").write_text(BUYS)
    return path


def test_folder_gives_views_and_purchases_in_time_order(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert imported(capsys, "yoochoose", folder, "y.parquet") == ["y.parquet: 5 events in time order"]
    assert rows(Path("y.parquet"), *COLUMNS) == CLICKED + BOUGHT


def test_clicks_alone_give_views(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    imported(capsys, "yoochoose", folder / "yoochoose-clicks.dat", "y.parquet")
    assert rows(Path("y.parquet"), *COLUMNS) == CLICKED


def test_buys_may_lie_elsewhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    clicks, buys = folder / "yoochoose-clicks.dat", Path("elsewhere.dat")
    (folder / "yoochoose-buys.dat").rename(buys)
    imported(capsys, "yoochoose", clicks, "y.parquet", "--buys", buys)
    assert rows(Path("y.parquet"), *COLUMNS) == CLICKED + BOUGHT


def test_folder_may_lack_the_buys(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "yoochoose-buys.dat").unlink()
    imported(capsys, "yoochoose", folder, "y.parquet")
    assert rows(Path("y.parquet"), *COLUMNS) == CLICKED


def test_missing_buys_that_were_asked_for_are_refused(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = refusal(capsys, "yoochoose", folder, "y.parquet", "--buys", "none.dat")
    assert said == "none.dat: no such file"


@pytest.mark.parametrize("separator", [";", "\t", "|"])
def test_separator_is_told_by_the_first_line(
    folder: Path, capsys: pytest.CaptureFixture[str], separator: str
) -> None:
    for path in folder.iterdir():
        path.write_text(path.read_text().replace(",", separator))
    imported(capsys, "yoochoose", folder, "y.parquet")
    assert rows(Path("y.parquet"), *COLUMNS) == CLICKED + BOUGHT


def test_wrong_line_of_the_second_file_is_named(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    buys = folder / "yoochoose-buys.dat"
    buys.write_text(f"{BUYS}3,2014-04-07T10:55:00.000Z,214577561,12.5 EUR,1\n")
    assert refusal(capsys, "yoochoose", folder, "y.parquet") == (
        f"{buys}:3: column 'price' is '12.5 EUR'; a number such as 35.79 is needed"
    )


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            "session,timestamp,item,category",
            "1: column 'session' is 'session'; a whole number from 0 is needed",
        ),
        (
            "1 2014-04-07T10:51:09.277Z 214536502 0",
            (
                "1: 1 field, 4 are needed, the line is '1 2014-04-07T10:51:09.277Z 214536502 0'; "
                "as in 1,2014-04-07T10:51:09.277Z,214536502,0"
            ),
        ),
        (
            "1,07/04/2014 10:51,214536502,0",
            (
                "1: column 'timestamp' is '07/04/2014 10:51'; a time such as 2019-10-01T00:00:00Z from "
                "1990 to 2100 is needed, as in the file's first time; else give --time-unit"
            ),
        ),
    ],
)
def test_first_line_of_another_form_is_named(
    folder: Path, capsys: pytest.CaptureFixture[str], line: str, said: str
) -> None:
    clicks = folder / "yoochoose-clicks.dat"
    clicks.write_text(f"{line}\n{CLICKS}")
    assert refusal(capsys, "yoochoose", clicks, "y.parquet") == f"{clicks}:{said}"
