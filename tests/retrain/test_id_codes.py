"""Ids as numbers and back."""

import polars as pl

from retrain.id_codes import as_categories, codes_of, with_plain_ids


def test_equal_ids_have_the_same_code() -> None:
    for ids in (pl.Series(["b", "a", "b"]), as_categories(pl.Series(["b", "a", "b"]))):
        first, second, third = codes_of(ids).tolist()
        assert first == third != second


def test_categories_stay_as_they_are() -> None:
    ids = as_categories(pl.Series("id", ["b", "a"]))
    assert as_categories(ids).dtype == ids.dtype


def test_plain_ids_are_strings() -> None:
    events = pl.DataFrame({"id": ["a"], "n": [1]}).with_columns(
        as_categories(pl.Series("id", ["a"])), kind=pl.Series(["view"]).cast(pl.Enum(["view"]))
    )
    plain = with_plain_ids(events)
    assert plain.schema == {"id": pl.String, "n": pl.Int64, "kind": pl.String}
    assert plain.rows() == [("a", 1, "view")]
