"""The settings of the commands that train, publish and announce releases."""

from schemas.settings import SharedSettings


class ReleaseSettings(SharedSettings):
    """What `millrace releases` reads."""


PROGRAMS: dict[str, type[SharedSettings]] = {"releases": ReleaseSettings}
"""The commands of this package and what they read, for `millrace config`."""
