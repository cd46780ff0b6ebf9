"""Repeats over columns are those of the session rule."""

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from models.session_rule import repeats_in_log
from retrain.repeated_events import event_keys, repeats, without_repeats

EVENTS = st.tuples(st.integers(0, 1), st.none() | st.integers(0, 80).map(str))


@given(
    st.lists(EVENTS, max_size=300)
    | st.integers(40, 70).map(lambda n: [(0, str(at % n)) for at in range(300)])
)
def test_repeats_are_those_of_the_session_rule(events: list[tuple[int, str | None]]) -> None:
    sessions, ids = [one for one, _ in events], [one for _, one in events]
    keys = event_keys(pl.Series("event_id", ids, dtype=pl.String)).to_numpy()
    found = repeats(np.array(sessions, dtype=np.uint32), keys)
    assert found.tolist() == repeats_in_log(map(str, sessions), ids)


def test_events_without_ids_are_never_repeats() -> None:
    events = pl.DataFrame({"session_id": ["s", "s"], "event_id": [None, None]})
    assert len(without_repeats(events)) == 2
    assert len(without_repeats(events.drop("event_id"))) == 2
