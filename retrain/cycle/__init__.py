"""One retrain cycle: its steps, what it keeps on disc, its lock and what it tells of itself."""
