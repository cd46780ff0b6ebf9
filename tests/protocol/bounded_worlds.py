"""The bounds that are explored: small worlds, each with the faults that its part of the protocol is for.

Callers: the tests; `python -m tests.protocol`, which explores the deeper ones.
"""

from dataclasses import replace

from tests.protocol.explorer import Bounds
from tests.protocol.modelled_log import Entry, Log
from tests.protocol.world_state import Faults

ONE_BUCKET = (("a", 0), ("b", 0))
TWO_BUCKETS = (("a", 0), ("b", 1))
CLICKS = Log(tuple(map(Entry, "ababab")), ONE_BUCKET)
FEWER = Log(tuple(map(Entry, "ababa")), ONE_BUCKET)
SPREAD = Log(tuple(map(Entry, "abbaab")), TWO_BUCKETS)
IDLE = Log((Entry("a"), Entry("a"), Entry("b"), Entry("", "letter"), Entry("a"), Entry("b")), TWO_BUCKETS)
"""Batches that leave one of the buckets idle, one of them a message that is no event."""
EVERY_KIND = Log(
    (
        Entry("a", event_id="x"),
        Entry("b"),
        Entry("a", "erase"),
        Entry("a", event_id="y"),
        Entry("a", event_id="y"),
        Entry("", "letter"),
        Entry("b", "private"),
    ),
    ONE_BUCKET,
)
"""A repeat, an erasure, a message that is no event, an event without consent."""

BOUNDS: dict[str, Bounds] = {
    "three in flight": Bounds(CLICKS, Faults(foreign_saves=1, kills=1), in_flight=3),
    "refusals": Bounds(CLICKS, Faults(foreign_saves=1, rewinds=1), batch_sizes=(2,), in_flight=3),
    "rewinds": Bounds(FEWER, Faults(foreign_saves=1, rewinds=1, lost_answers=1)),
    "every kind of event": Bounds(EVERY_KIND, Faults(kills=1, swaps=1)),
    "two buckets": Bounds(SPREAD, Faults(foreign_saves=1, kills=1), batch_sizes=(2,)),
    "a bucket goes back": Bounds(SPREAD, Faults(rewinds=1), batch_sizes=(2,), in_flight=3),
    "Redis emptied": Bounds(CLICKS, Faults(foreign_saves=1, emptyings=1)),
    "a bucket emptied": Bounds(SPREAD, Faults(emptyings=1, kills=1), batch_sizes=(2,)),
    "a bucket emptied, another worker": Bounds(
        SPREAD, Faults(emptyings=1, foreign_saves=1), batch_sizes=(2,)
    ),
    "idle buckets": Bounds(IDLE, Faults(foreign_saves=1, kills=1), batch_sizes=(2,), polls_at_once=False),
    "an idle bucket goes back": Bounds(IDLE, Faults(rewinds=1), batch_sizes=(2,), polls_at_once=False),
    "an idle bucket emptied": Bounds(IDLE, Faults(emptyings=1), batch_sizes=(2,), polls_at_once=False),
    "given up": Bounds(
        CLICKS, Faults(foreign_saves=1, give_ups=1), batch_sizes=(2,), in_flight=3, computes_at_once=False
    ),
    "given up, idle buckets": Bounds(
        IDLE, Faults(give_ups=1, emptyings=1), batch_sizes=(2,), polls_at_once=False, computes_at_once=False
    ),
    "every step apart": Bounds(
        CLICKS,
        Faults(foreign_saves=1, rewinds=1),
        batch_sizes=(2,),
        in_flight=3,
        computes_at_once=False,
        polls_at_once=False,
    ),
    "two workers": Bounds(CLICKS, Faults(kills=1), batch_sizes=(3,), workers=2),
}

DEEPER: dict[str, Bounds] = {
    "three in flight": replace(BOUNDS["three in flight"], faults=Faults(foreign_saves=2, kills=1)),
    "refusals": replace(BOUNDS["refusals"], faults=Faults(foreign_saves=2, rewinds=1, lost_answers=1)),
    "rewinds": replace(BOUNDS["rewinds"], log=CLICKS),
    "every kind of event": Bounds(EVERY_KIND, Faults(foreign_saves=1, kills=1, swaps=1)),
    "two buckets": replace(BOUNDS["two buckets"], in_flight=3),
    "a bucket goes back": replace(BOUNDS["a bucket goes back"], faults=Faults(rewinds=1, foreign_saves=1)),
    "Redis emptied": replace(BOUNDS["Redis emptied"], in_flight=3),
    "a bucket emptied": replace(BOUNDS["a bucket emptied"], faults=Faults(emptyings=1, foreign_saves=1)),
    "idle buckets": replace(BOUNDS["idle buckets"], in_flight=3),
    "an idle bucket goes back": replace(
        BOUNDS["an idle bucket goes back"], faults=Faults(rewinds=1, foreign_saves=1)
    ),
    "an idle bucket emptied": replace(BOUNDS["an idle bucket emptied"], faults=Faults(emptyings=1, kills=1)),
    "given up, idle buckets": replace(
        BOUNDS["given up, idle buckets"], faults=Faults(give_ups=1, foreign_saves=1)
    ),
    "given up": replace(BOUNDS["given up"], faults=Faults(foreign_saves=1, give_ups=1, rewinds=1)),
    "every step apart": replace(BOUNDS["every step apart"], batch_sizes=(1, 2)),
    "two workers": replace(BOUNDS["two workers"], faults=Faults(kills=1, rewinds=1), batch_sizes=(2,)),
}
