"""The HTTP lookup: the latest lists from Redis, similar and popular items of the release."""
