"""The report of online quality: lists and events from their topics, compared as the worker compares them."""
