"""Types and codecs of every byte that leaves a Millrace process."""
