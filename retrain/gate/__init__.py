"""The gate: whether a candidate release may be announced, measured beside the one that runs."""
