"""Attempts that a client started by hand, for an executor outside (R17)."""

from uuid import UUID

OUTSIDE = UUID(int=(1 << 128) - 1)
"""Stands as the holder of such an attempt; no node has this id, and it takes no worker's slot."""
