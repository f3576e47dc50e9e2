"""Every byte that passes between processes, as models."""
