"""Which tests run in one process, one after the other, while another process runs others."""

from pathlib import PurePosixPath

from xdist.scheduler import LoadScopeScheduling

_BROKERS = {"local", "scheduler_service", "worker_service"}
"""Folders of integration tests that use the session's brokers; each broker costs 300 MB and a tenth of a core
for as long as its process lives."""


def together(nodeid: str) -> str:
    """The name of what a test belongs to: its file, or more files."""
    path = PurePosixPath(nodeid.split("::")[0])
    tier, *rest = path.parts[1:]
    if tier in {"chaos", "contract"}:
        # Faults are bounded in seconds, so no two of them at once; the tests of the contract share a stack.
        return tier
    return "brokers" if tier == "integration" and rest[0] in _BROKERS else str(path)


class Together(LoadScopeScheduling):  # type: ignore[misc]  # xdist is not typed
    """Gives a process all that belongs together."""

    def _split_scope(self, nodeid: str) -> str:
        return together(nodeid)
