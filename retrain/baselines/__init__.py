"""Baselines: what a neural model must beat, fitted in seconds and measured by the same command."""
