"""Watching a release after its swap, and going back where it does worse than a limit."""
