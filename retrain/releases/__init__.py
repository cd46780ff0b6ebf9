"""Releases: built, judged, published, promoted and announced."""
