"""The whole retrain loop on a real Kafka, a real Redis and real workers."""
