"""The save protocol as a model: every interleaving within stated bounds."""
