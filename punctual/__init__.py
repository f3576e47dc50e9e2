"""What a person runs: the local stack, and what is built on it."""
