"""Training, evaluation, publishing and announcing of releases: the offline side."""
