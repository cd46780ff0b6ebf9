"""Runs: what every training leaves behind about itself."""
