"""The long-running retrain process: when a cycle runs, and why."""
