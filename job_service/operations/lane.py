"""Whose work this is: a public request's, or that of schedulers, workers and duties.

Public requests get a share of the database's connections only, so that no number of them keeps a lease or a
renewal waiting.
"""

from contextvars import ContextVar

public_work: ContextVar[bool] = ContextVar("public_work", default=False)
"""True in what a public request does, tasks that it starts included."""
