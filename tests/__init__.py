"""The tests, a folder for each package; `services` has the real Kafka and Redis."""
