"""`millrace import rees46`: a month's behaviour data, plain or gzipped, with brands and categories."""

import gzip
from pathlib import Path

import pytest

from tests.retrain.importers.import_runs import imported, refusal, rows

HEADER = "event_time,event_type,product_id,category_id,category_code,brand,price,user_id,user_session\n"
OCTOBER = (
    HEADER
    + """\
2019-10-01 00:00:00 UTC,view,44600062,2103807459595387724,,shiseido,35.79,541312140,72d76fde-8bb3
2019-10-01 00:00:01 UTC,view,3900821,2053013552326770905,appliances.water,aqua,33.20,554748717,9333dfbd-b87a
2019-10-01 00:00:02 UTC,remove_from_cart,3900821,2053013552326770905,,aqua,33.20,554748717,9333dfbd-b87a
2019-10-01 00:00:03 UTC,cart,3900821,2053013552326770905,,,33.20,554748717,9333dfbd-b87a
2019-10-01 00:00:04 UTC,purchase,17200506,2053013559792632471,furniture.sofa,,543.10,519107250,
2019-10-01 00:00:04 UTC,purchase,3900821,2053013552326770905,,aqua,33.20,554748717,9333dfbd-b87a
"""
)
COLUMNS = (
    "session_id",
    "item_id",
    "event_type",
    "occurred_at",
    "category",
    "category_code",
    "brand",
    "price",
)
LEFT_OUT = ["left out: 1 event of type remove_from_cart", "left out: 1 event without a session"]
EVENTS = [
    (
        *("72d76fde-8bb3", "44600062", "view", "2019-10-01 00:00:00.000"),
        *("2103807459595387724", None, "shiseido", 35.79),
    ),
    (
        *("9333dfbd-b87a", "3900821", "view", "2019-10-01 00:00:01.000"),
        *("2053013552326770905", "appliances.water", "aqua", 33.2),
    ),
    (
        *("9333dfbd-b87a", "3900821", "cart", "2019-10-01 00:00:03.000"),
        *("2053013552326770905", None, None, 33.2),
    ),
    (
        *("9333dfbd-b87a", "3900821", "purchase", "2019-10-01 00:00:04.000"),
        *("2053013552326770905", None, "aqua", 33.2),
    ),
]


@pytest.fixture
def source() -> Path:
    path = Path("2019-Oct.csv")
    path.write_text(OCTOBER)
    return path


def test_events_keep_price_brand_and_categories(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    said = imported(capsys, "rees46", source, "r.parquet")
    assert said == ["r.parquet: 4 events in time order", *LEFT_OUT]
    assert rows(Path("r.parquet"), *COLUMNS) == EVENTS
    assert rows(Path("r.parquet"), "user_id")[0] == ("541312140",)


@pytest.mark.parametrize("name", ["2019-Oct.csv.gz", "2019-Oct.csv"])
def test_gzipped_file_is_read_whatever_its_name(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path(name).write_bytes(gzip.compress(OCTOBER.encode()))
    assert imported(capsys, "rees46", name, "r.parquet") == ["r.parquet: 4 events in time order", *LEFT_OUT]
    assert rows(Path("r.parquet"), *COLUMNS) == EVENTS


@pytest.mark.parametrize(
    "text",
    [
        OCTOBER.replace("\n", "\r\n"),
        "\ufeff" + OCTOBER,
        OCTOBER.removesuffix("\n"),
        OCTOBER.replace("\n", "\n\n"),
        "\n" + OCTOBER,
        OCTOBER.replace(",", ";"),
        OCTOBER.replace("\n", '"\n')
        .replace(",", '","')
        .replace("2019-", '"2019-')
        .replace("event_time", '"event_time'),
        OCTOBER.replace(" UTC", "").replace("2019-10-01 ", "2019-10-01T").replace("Z", ""),
        OCTOBER.replace("00:00:0", "02:00:0").replace(" UTC", "+02:00"),
        OCTOBER.replace(" UTC", ".000000Z"),
    ],
    ids=[
        "CRLF",
        "BOM",
        "no last newline",
        "blank lines",
        "blank first",
        "semicolons",
        "quotes",
        "zoneless",
        "offset",
        "Z",
    ],
)
def test_files_that_were_saved_anew_give_the_same(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("again.csv").write_bytes(text.encode())
    assert imported(capsys, "rees46", "again.csv", "r.parquet")[:3] == [
        "r.parquet: 4 events in time order",
        *LEFT_OUT,
    ]
    assert rows(Path("r.parquet"), *COLUMNS) == EVENTS


def test_times_without_a_zone_are_taken_as_utc_and_said_to_be(capsys: pytest.CaptureFixture[str]) -> None:
    Path("zoneless.csv").write_text(OCTOBER.replace(" UTC", ""))
    said = imported(capsys, "rees46", "zoneless.csv", "r.parquet")
    assert said[-1] == "times without a zone were taken as UTC"
    assert rows(Path("r.parquet"), *COLUMNS) == EVENTS


@pytest.mark.parametrize("per_second", [1, 1000, 1_000_000, 1_000_000_000])
def test_epoch_times_are_read_in_whichever_unit(per_second: int, capsys: pytest.CaptureFixture[str]) -> None:
    text = OCTOBER
    for second in range(5):
        text = text.replace(f"2019-10-01 00:00:0{second} UTC", str((1569888000 + second) * per_second))
    Path("epoch.csv").write_text(text)
    imported(capsys, "rees46", "epoch.csv", "r.parquet")
    assert rows(Path("r.parquet"), *COLUMNS) == EVENTS


def test_folder_gives_all_its_months(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    months = Path("months")
    months.mkdir()
    (months / "2019-Nov.csv.gz").write_bytes(gzip.compress(OCTOBER.replace("2019-10", "2019-11").encode()))
    source.rename(months / "2019-Oct.csv")
    assert imported(capsys, "rees46", months, "r.parquet")[0] == "r.parquet: 8 events in time order"
    assert [row[3][:7] for row in rows(Path("r.parquet"), *COLUMNS)] == ["2019-10"] * 4 + ["2019-11"] * 4


def test_folder_without_files_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert refusal(capsys, "rees46", ".", "r.parquet") == ".: no .csv or .csv.gz file in the folder"


def test_columns_that_events_need_not_have_may_be_missing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("few.csv").write_text(
        "user_session,event_type,product_id,event_time\ns,view,5,2019-10-01 00:00:00 UTC\n"
    )
    imported(capsys, "rees46", "few.csv", "r.parquet")
    assert rows(Path("r.parquet"), *COLUMNS) == [
        ("s", "5", "view", "2019-10-01 00:00:00.000", None, None, None, None)
    ]


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (
            '2019-10-01 00:00:00 UTC,view,1,2,,"35,79",1,s',
            "8 fields, 9 are needed, the line is '2019-10-01 00:00:00 UTC,view,1,2,,\"35,79\",1,s'",
        ),
        (
            '2019-10-01 00:00:00 UTC,view,1,2,,,"35,79",1,s',
            "column 'price' is '35,79'; a number such as 35.79 is needed",
        ),
        ("2019-10-01 00:00:00 UTC,view,1,2,,,inf,1,s", "column 'price' is 'inf'; a number such as 35.79"),
        ("2019-10-01 00:00:00 UTC,wish,1,2,,,1,1,s", "column 'event_type' is 'wish'; one of view, cart, "),
        (
            f"2019-10-01 00:00:00 UTC,view,1,2,,,1,1,{'s' * 257}",
            f"column 'user_session' is '{'s' * 80}…'; an id of 1 to 256 bytes is needed",
        ),
        (
            "2019-13-01 00:00:00 UTC,view,1,2,,,1,1,s",
            "column 'event_time' is '2019-13-01 00:00:00 UTC'; a time",
        ),
        (
            "1019-10-01 00:00:00 UTC,view,1,2,,,1,1,s",
            "column 'event_time' is '1019-10-01 00:00:00 UTC'; a time",
        ),
        (",view,1,2,,,1,1,s", "column 'event_time' is empty; a time is needed"),
        (
            '2019-10-01 00:00:00 UTC,view,1,2,,"5 disk,1,1,s',
            "double quotes that do not close, or a lone carriage return, in the line '2019-",
        ),
    ],
)
def test_wrong_line_is_named(source: Path, capsys: pytest.CaptureFixture[str], line: str, said: str) -> None:
    source.write_text(f"{OCTOBER}{line}\n")
    assert refusal(capsys, "rees46", source, "r.parquet").startswith(f"2019-Oct.csv:8: {said}")


def test_line_that_is_not_utf8_is_named(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source.write_bytes(OCTOBER.encode() + b"2019-10-01 00:00:00 UTC,view,1,2,,\xff,1,1,s\n")
    assert refusal(capsys, "rees46", source, "r.parquet") == (
        "2019-Oct.csv:8: no UTF-8 at byte 35 of the line, '2019-10-01 00:00:00 UTC,view,1,2,,\ufffd,1,1,s'; "
        "save the file as UTF-8"
    )
