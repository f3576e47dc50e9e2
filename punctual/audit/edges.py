"""The legal changes of a job's state, written from DESIGN section 3 and on purpose not imported.

A test compares this table with that of job_service and fails when either of them moves alone.
"""

from collections.abc import Mapping
from typing import NamedTuple


class Edge(NamedTuple):
    """Who may make a change, and the codes that history may give as its reason."""

    actors: frozenset[str]
    reasons: frozenset[str]


FIRST = "CREATED"
TERMINAL = frozenset({"SUCCESS", "CANCELLED", "EXPIRED", "ABANDONED"})
UNSETTLED = frozenset({"CREATED", "SCHEDULED", "RUNNING", "WAITING"})
"""And FAILED while another try is to come. Every other state is settled."""
GIVEN_BACK = frozenset({"released", "shutdown", "no-slot", "unknown"})
"""Why a holder gives an attempt back unrun or interrupted."""
TAKEN = GIVEN_BACK | {"lost"}
"""Why a held attempt ends and the next one begins without a change of state."""


def _edge(actors: str, reasons: str) -> Edge:
    return Edge(frozenset(actors.split()), frozenset(reasons.split()))


_BACK = " ".join(sorted(GIVEN_BACK))
_FAILED = "failed failed-for-good retry-asked timeout crashed out-of-memory"

EDGES: Mapping[tuple[str, str], Edge] = {
    ("CREATED", "SCHEDULED"): _edge("scheduler client", "claimed by-hand"),
    ("CREATED", "CREATED"): _edge("client", "changed"),
    ("CREATED", "CANCELLED"): _edge("client", "cancelled"),
    ("CREATED", "EXPIRED"): _edge("duty", "expired"),
    ("SCHEDULED", "RUNNING"): _edge("worker outside", "started by-hand"),
    ("SCHEDULED", "SCHEDULED"): _edge(
        "worker client duty", f"held {_BACK} lost changed cancel-asked"
    ),
    ("SCHEDULED", "CREATED"): _edge("client duty", "changed by-hand type-paused"),
    ("SCHEDULED", "CANCELLED"): _edge("client worker duty", f"cancelled {_BACK} lost"),
    ("SCHEDULED", "EXPIRED"): _edge("duty", "expired"),
    ("RUNNING", "SUCCESS"): _edge("worker outside", "succeeded by-hand"),
    ("RUNNING", "FAILED"): _edge("worker outside duty", f"{_FAILED} poison by-hand"),
    ("RUNNING", "CANCELLED"): _edge(
        "worker duty outside", f"{_FAILED} cancelled snoozed {_BACK} lost by-hand"
    ),
    ("RUNNING", "STOPPED"): _edge("worker", "stopped"),
    ("RUNNING", "WAITING"): _edge("worker", "waiting"),
    ("RUNNING", "SCHEDULED"): _edge("duty worker", f"lost {_BACK}"),
    ("RUNNING", "CREATED"): _edge("worker", "snoozed"),
    ("RUNNING", "RUNNING"): _edge("client", "cancel-asked"),
    ("FAILED", "SCHEDULED"): _edge("scheduler client bulk", "claimed retried bulk-retried"),
    ("FAILED", "FAILED"): _edge("client", "changed"),
    ("FAILED", "CANCELLED"): _edge("client", "cancelled"),
    ("FAILED", "ABANDONED"): _edge("client bulk", "abandoned bulk-abandoned"),
    ("STOPPED", "ABANDONED"): _edge("client", "abandoned"),
    ("WAITING", "SCHEDULED"): _edge("duty worker", "children-settled"),
    ("WAITING", "FAILED"): _edge("duty worker", "children-failed"),
    ("WAITING", "CANCELLED"): _edge("duty worker client", "cancelled"),
    ("WAITING", "STOPPED"): _edge("duty worker", "stopped"),
    ("WAITING", "WAITING"): _edge("client", "cancel-asked"),
}


def enters_scheduled(before: str | None, after: str, reason: str) -> bool:
    """Whether a row raises `attempt`: an entry into SCHEDULED, or an attempt taken from its holder there."""
    return after == "SCHEDULED" and (before != "SCHEDULED" or reason in TAKEN)
