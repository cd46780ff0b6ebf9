"""Session rule, encoders, ranking and releases: pure computation, no network."""
