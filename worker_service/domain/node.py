"""The node that this process is now. A process is one node at a time; a dead one is followed by a
new id.
"""

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from shared.runtime.session import Session


@dataclass(frozen=True, eq=False, slots=True)
class Node:
    """One registered node with the session that says whether it may start things."""

    id: UUID
    session: Session


class Membership:
    """The current node, or none while registering. `draining`: nothing new is taken any more."""

    def __init__(self) -> None:
        self.node: Node | None = None
        self.draining = False
        self.on_death: list[Callable[[], None]] = []
        self.on_drain: list[Callable[[], None]] = []

    def declared_dead(self, node: Node) -> None:
        """A reply said that `node` is dead; whoever keeps the node is told."""
        node.session.declare_dead()
        for tell in self.on_death:
            tell()

    def asked_to_drain(self) -> None:
        """job_service said that this worker is to end in good order, perhaps again."""
        for tell in self.on_drain:
            tell()

    def may_start(self) -> bool:
        """Whether there is a node whose session has not lapsed."""
        return self.node is not None and not self.node.session.expired()
