"""Training: event files to encoders, the engine and its commands."""
