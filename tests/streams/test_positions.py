"""The batches of a partition share one account of its watermarks, until it is taken over anew."""

from streams.batch_chain import ChainedBatch
from streams.micro_batch import MicroBatch
from streams.positions import Positions
from streams.taking_over import Position
from tests.streams.records import a_partition, event_record

HERE, THERE, CARTS = a_partition(0), a_partition(1), a_partition(0, "carts")


def a_poll(positions: Positions, *offsets: int) -> MicroBatch:
    return positions.batch({HERE: [event_record("s", "a", offset) for offset in offsets]})


def begin(batch: MicroBatch, *buckets: int) -> ChainedBatch:
    """Let a batch begin that has events of some buckets in every partition."""
    return ChainedBatch(batch, {one.partition: set(buckets) for one in batch.marks})


async def test_batch_begins_where_the_one_before_it_ends_whichever_buckets_that_had() -> None:
    positions = Positions()
    positions.start(HERE, Position(3, (3, 5, None)))
    first, second = a_poll(positions, 3, 4), a_poll(positions, 5)
    assert begin(first, 0).expected == {0: {HERE: (3, 5, None)}}
    assert begin(second, 1, 2).expected == {0: {HERE: (5, 5, None)}}
    assert positions.expected(HERE) == (5, 6, 6)


async def test_batch_is_about_the_partitions_of_its_numbers_in_all_topics() -> None:
    positions = Positions()
    for one in (HERE, THERE, CARTS):
        positions.start(one, Position(7, (7,)))
    batch = a_poll(positions, 7)
    assert batch.marks.keys() == {HERE, CARTS}
    assert batch.ends == {HERE: 8}
    begun = begin(batch, 0)
    assert begun.new == {0: {HERE: (8,), CARTS: (7,)}}


async def test_batches_of_a_refused_account_stay_refused_until_the_partition_is_taken_over_anew() -> None:
    positions = Positions()
    positions.start(HERE, Position(0, (0, 0)))
    first, second = a_poll(positions, 0), a_poll(positions, 1)
    begin(first, 0).refuse({HERE: (4, 0)})
    behind = begin(second, 1)
    behind.refuse_unexpected({HERE: (4, 0)})
    assert behind.refused == {HERE: (4, 0)}
    positions.start(HERE, Position(0, (4, 0)))
    anew = begin(a_poll(positions, 0), 0)
    anew.refuse_unexpected({HERE: (4, 0)})
    assert anew.refused == {}


async def test_buckets_behind_the_position_catch_up_with_it() -> None:
    positions = Positions()
    positions.start(HERE, Position(3, (3, 5)))
    assert positions.catching_up() is None
    begin(a_poll(positions, 3, 4, 5), 0)
    batch = positions.catching_up()
    assert batch is not None
    assert (batch.records, batch.ends) == ({}, {HERE: 6})
    assert begin(batch, 0, 1).new == {0: {HERE: (6, 6)}}
    assert positions.catching_up() is None


async def test_buckets_without_a_watermark_catch_up_though_no_event_comes() -> None:
    positions = Positions()
    positions.start(HERE, Position(3, (5, None)))
    batch = positions.catching_up()
    assert batch is not None
    assert begin(batch, 0, 1).new == {0: {HERE: (5, 3)}}
