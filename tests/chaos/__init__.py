"""Chaos: faults drawn from a seed under load, and an oracle that replays the event topic afterwards."""
