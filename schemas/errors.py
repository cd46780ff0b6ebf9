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
    """

    def __init__(self, path: str, reason: str) -> None:
        super().__init__(f"{reason} - at `{path}`")
        self.path = path
        self.reason = reason


class InvalidRelease(MillraceError):
    """A release folder that is incomplete, corrupt or of an unknown version."""


class Unavailable(MillraceError):
    """A service that Millrace needs does not answer now, but may later."""
