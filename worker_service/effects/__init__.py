"""Effects in a database of the handler's own, applied once for each job and name."""
