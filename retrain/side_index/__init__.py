"""The side index of new items: what is counted, how vectors come of it, and the process that publishes it."""
