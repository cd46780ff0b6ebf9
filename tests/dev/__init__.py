"""Tests of what runs Millrace on one machine."""
