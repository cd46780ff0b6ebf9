"""Importers: publishers' formats to event files, one module a format."""
