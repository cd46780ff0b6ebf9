"""The event log on disk: the event topics as Parquet, beyond the retention of Kafka."""
