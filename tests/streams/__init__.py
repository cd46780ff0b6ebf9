"""Tests of the online side."""
