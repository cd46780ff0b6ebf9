"""The online shell: Kafka in, Redis state, Kafka out, and the HTTP lookup."""
