"""Benches: what training and index cost on this machine."""
