"""How far a training of several members is, told from how far each of them is.

Owns what epoch, events, loss and speed mean for all of them together. Pure. Callers:
`retrain.training.training`, `retrain.training.member_processes`.
"""

from dataclasses import replace

from retrain.training.training_loop import TrainingProgress


def part_of_whole(own: TrainingProgress, place: int, members: int) -> TrainingProgress:
    """A member's progress as that of a training in which one member follows the other."""
    return replace(
        own,
        epoch=place * own.epochs + own.epoch,
        epochs=members * own.epochs,
        events=place * own.total_events + own.events,
        total_events=members * own.total_events,
    )


class SideBySideProgress:
    """The progress of members that are trained at once, as that of the whole training.

    They share their epochs: one is over when the last of them has made it. A member that is ahead counts as
    far as this epoch's end, so an epoch's last report does not depend on who was faster, speeds aside.
    """

    def __init__(self, places: range, rounds_before: int, rounds: int, members: int) -> None:
        """Nothing is heard yet.

        Args:
            places: of these members.
            rounds_before: how often members were trained at once before these.
            rounds: how often they are in the whole training.
            members: of the whole training.
        """
        self._first = places.start
        self._rounds_before = rounds_before
        self._rounds = rounds
        self._members = members
        self._last_of_epochs: dict[int, dict[int, TrainingProgress]] = {place: {} for place in places}

    def add(self, place: int, own: TrainingProgress) -> TrainingProgress | None:
        """Take a member's report.

        Returns:
            The progress of the whole: events of all, the speeds' sum, the mean of the losses in the epoch
            (without those that went on from a checkpoint beyond it). None where no loss of it is known yet.
        """
        self._last_of_epochs[place][own.epoch] = own
        return self._whole(own)

    def add_trained(self, place: int, last: TrainingProgress) -> TrainingProgress | None:
        """Take the end of a member, which may have been trained before; see `add`.

        Args:
            place: of the member.
            last: the last epoch of its history.
        """
        self._last_of_epochs[place].setdefault(last.epoch, replace(last, events_per_s=0.0))
        return self._whole(last)

    def _whole(self, own: TrainingProgress) -> TrainingProgress | None:
        heard = self._last_of_epochs.values()
        epoch = min(max(of_member, default=1) for of_member in heard)
        now = [of_member[epoch] for of_member in heard if epoch in of_member]
        if not now:
            return None
        at_end = epoch * own.total_events // own.epochs
        made = sum(min(of_member[max(of_member)].events, at_end) for of_member in heard if of_member)
        return TrainingProgress(
            epoch=self._rounds_before * own.epochs + epoch,
            epochs=self._rounds * own.epochs,
            events=self._first * own.total_events + made,
            total_events=self._members * own.total_events,
            loss=sum(report.loss for report in now) / len(now),
            events_per_s=sum(report.events_per_s for report in now),
        )
