"""The parts of the page that `millrace evaluate --html` writes."""
