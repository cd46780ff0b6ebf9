"""Tuning: the search for the best model config on validation sessions."""
