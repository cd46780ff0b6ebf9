"""Vectors to rows and scores: exact and approximate search by inner product; knows neither ids nor torch."""
