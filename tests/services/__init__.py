"""Real Kafka and Redis for the tests: from Docker, from Kafka's own jars, from a redis-server."""
