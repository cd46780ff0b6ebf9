"""Evaluation: how good a model is on events that it has not seen."""
