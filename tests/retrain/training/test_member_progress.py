"""Progress of members side by side: worked out by hand for two members of two epochs of 100 events."""

from retrain.training.member_progress import SideBySideProgress, part_of_whole
from retrain.training.training_loop import TrainingProgress


def own(epoch: int, events: int, loss: float = 1.0, events_per_s: float = 10.0) -> TrainingProgress:
    return TrainingProgress(epoch, 2, events, 200, loss, events_per_s)


def of_two() -> SideBySideProgress:
    return SideBySideProgress(range(2), rounds_before=0, rounds=1, members=2)


def test_one_member_after_the_other_has_epochs_of_its_own() -> None:
    assert part_of_whole(own(1, 50), 0, 3) == TrainingProgress(1, 6, 50, 600, 1.0, 10.0)
    assert part_of_whole(own(2, 150), 2, 3) == TrainingProgress(6, 6, 550, 600, 1.0, 10.0)


def test_events_and_speeds_add_up_and_losses_are_averaged() -> None:
    whole = of_two()
    assert whole.add(0, own(1, 50, 3.0, 10.0)) == TrainingProgress(1, 2, 50, 400, 3.0, 10.0)
    assert whole.add(1, own(1, 40, 5.0, 20.0)) == TrainingProgress(1, 2, 90, 400, 4.0, 30.0)


def test_epoch_is_that_of_the_slowest_and_ends_the_same_whoever_is_faster() -> None:
    whole = of_two()
    whole.add(1, own(1, 40, 9.0))
    whole.add(0, own(1, 100, 3.0))
    assert whole.add(0, own(2, 150, 2.0)) == TrainingProgress(1, 2, 140, 400, 6.0, 20.0)
    assert whole.add(1, own(1, 100, 5.0)) == TrainingProgress(1, 2, 200, 400, 4.0, 20.0)
    assert whole.add(1, own(2, 110, 4.0)) == TrainingProgress(2, 2, 260, 400, 3.0, 20.0)


def test_second_round_goes_on_where_the_first_ended() -> None:
    third = SideBySideProgress(range(2, 3), rounds_before=1, rounds=2, members=3)
    assert third.add(2, own(1, 50)) == TrainingProgress(3, 4, 450, 600, 1.0, 10.0)


def test_member_that_was_complete_before_counts_without_a_speed() -> None:
    whole = of_two()
    assert whole.add(1, own(2, 150, 3.0)) is None  # the other may still begin with epoch 1
    assert whole.add_trained(0, own(2, 200, 1.0)) == TrainingProgress(2, 2, 350, 400, 2.0, 10.0)


def test_end_of_a_member_leaves_what_it_reported() -> None:
    whole = of_two()
    whole.add(0, own(2, 200))
    whole.add(1, own(2, 200))
    assert whole.add_trained(0, own(2, 200)) == TrainingProgress(2, 2, 400, 400, 1.0, 20.0)


def test_member_that_goes_on_beyond_the_epoch_is_left_out_of_its_loss() -> None:
    whole = of_two()
    whole.add(0, own(2, 150, 1.0))
    assert whole.add(1, own(1, 50, 3.0)) == TrainingProgress(1, 2, 150, 400, 3.0, 10.0)
