"""The exceptions of Millrace, by what becomes of them.

    MillraceError
    ├── UsageError        a command was called wrongly: one line, exit code 2
    ├── InvalidEvent      an event that can never be processed: dead letter, go on
    ├── InvalidRelease    a release that must not be served: refused whole, the old one stays
    └── Unavailable       a broker or store is away: wait and try again

Anything else that is raised is a bug.
"""


class MillraceError(Exception):
    """Base of every error that Millrace raises on purpose."""


class UsageError(MillraceError):
    """A command, a file or a setting is wrong; the message says what, the value, and the remedy."""


class InvalidEvent(MillraceError):
    """An event that no retry can make valid.

    Attributes:
        path: where in the event, as a JSON path (`$.item_id`), or `$` for the whole.
        reason: what is wrong with it, the value included.
        without_values: the message for a log, where no value of an event may stand: it may name somebody.
    """

    def __init__(self, path: str, reason: str, *values: object) -> None:
        """Say what is wrong.

        Args:
            path: see above.
            reason: with `{}` in the place of each value.
            values: of the event.
        """
        parts = reason.split("{}", len(values))
        self.path = path
        self.reason = "".join(
            part + value for part, value in zip(parts, [*map(repr, values), ""], strict=True)
        )
        self.without_values = f"{'…'.join(parts)} - at `{path}`"
        super().__init__(f"{self.reason} - at `{path}`")


class InvalidRelease(MillraceError):
    """A release folder that is incomplete, corrupt or of an unknown version."""


class Unavailable(MillraceError):
    """A service that Millrace needs does not answer now, but may later."""


def in_one_line(error: Exception) -> str:
    """What an error says; with the name of its class where it is a bug."""
    kind = "" if isinstance(error, MillraceError) else f"{type(error).__name__}: "
    return kind + " ".join(str(error).split())
