"""`millrace import diginetica`: item views and purchases, whose times are a date and a span."""

from pathlib import Path

import pytest

from tests.retrain.importers.import_runs import imported, refusal, rows

VIEWS = """\
sessionId;userId;itemId;timeframe;eventdate
1;NA;81766;526309;2016-05-09
1;NA;31331;1031018;2016-05-09
1;NA;32118;243569;2016-05-09
2;17;9654;0;2016-05-08
"""
PURCHASES = """\
sessionId;userId;timeframe;eventdate;ordernumber;itemId
2;17;86400001;2016-05-08;16421;25911
"""
COLUMNS = ("session_id", "item_id", "event_type", "occurred_at", "user_id")
ZONE_NOTE = "times without a zone were taken as UTC"


@pytest.fixture
def folder() -> Path:
    path = Path("dataset-train-diginetica")
    path.mkdir()
    (path / "train-item-views.csv").write_text(VIEWS)
    (path / "train-purchases.csv").write_text(PURCHASES)
    return path


def test_folder_gives_views_and_purchases_by_date_and_timeframe(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = imported(capsys, "diginetica", folder, "d.parquet")
    assert said == ["d.parquet: 5 events in time order", ZONE_NOTE]
    assert rows(Path("d.parquet"), *COLUMNS) == [
        ("2", "9654", "view", "2016-05-08 00:00:00.000", "17"),
        ("2", "25911", "purchase", "2016-05-09 00:00:00.001", "17"),
        ("1", "32118", "view", "2016-05-09 00:04:03.569", None),
        ("1", "81766", "view", "2016-05-09 00:08:46.309", None),
        ("1", "31331", "view", "2016-05-09 00:17:11.018", None),
    ]


def test_views_alone_and_purchases_from_elsewhere(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    views, purchases = folder / "train-item-views.csv", folder / "train-purchases.csv"
    assert imported(capsys, "diginetica", views, "d.parquet")[0] == "d.parquet: 4 events in time order"
    said = imported(capsys, "diginetica", views, "d.parquet", "--purchases", purchases)
    assert said[0] == "d.parquet: 5 events in time order"


def test_names_of_columns_match_in_the_publishers_other_spelling(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    views = folder / "train-item-views.csv"
    header = "session_id;user_id;item_id;timeframe;eventdate"
    views.write_text(VIEWS.replace("sessionId;userId;itemId;timeframe;eventdate", header))
    assert imported(capsys, "diginetica", views, "d.parquet")[0] == "d.parquet: 4 events in time order"


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("3;x;9654;0;2016-05-08", "column 'userId' is 'x'; a whole number from 0 is needed"),
        (
            "3;NA;9654;-5;2016-05-08",
            "column 'timeframe' is '-5'; a whole number of milliseconds up to 9999999999 is needed",
        ),
        (
            "3;NA;9654;5;08.05.2016",
            (
                "column 'eventdate' is '08.05.2016'; a time such as 2019-10-01T00:00:00Z from 1990 to "
                "2100 is needed, as in the file's first time; else give --time-unit"
            ),
        ),
        (
            "3;NA;9654;5;NA",
            (
                "column 'eventdate' is 'NA'; a time such as 2019-10-01T00:00:00Z from 1990 to 2100 is "
                "needed, as in the file's first time; else give --time-unit"
            ),
        ),
    ],
)
def test_wrong_line_is_named(folder: Path, capsys: pytest.CaptureFixture[str], line: str, said: str) -> None:
    views = folder / "train-item-views.csv"
    views.write_text(f"{VIEWS}{line}\n")
    assert refusal(capsys, "diginetica", folder, "d.parquet") == f"{views}:6: {said}"


def test_missing_columns_are_named_with_those_found(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    views = folder / "train-item-views.csv"
    views.write_text("sessionId;itemId;timeframe\n1;2;3\n")
    assert refusal(capsys, "diginetica", folder, "d.parquet") == (
        f"{views}:1: no column 'userId' in the first line, which is 'sessionId, itemId, timeframe'; "
        "name the columns sessionId, userId, itemId, timeframe, eventdate"
    )
