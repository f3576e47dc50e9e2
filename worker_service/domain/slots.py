"""Slots: how many handlers may run. A handler that will not stop keeps its slot until it ends."""

from collections.abc import Callable


class Slots:
    """Counts occupied slots; `on_free` is called whenever one gets free."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.occupied = 0
        self.on_free: Callable[[], None] = lambda: None

    def free(self) -> int:
        """Slots that no handler occupies."""
        return self.total - self.occupied

    def occupy(self) -> None:
        """A handler is about to be called."""
        if self.occupied >= self.total:
            raise RuntimeError("more handlers than slots")
        self.occupied += 1

    def vacate(self) -> None:
        """A handler's call is over."""
        self.occupied -= 1
        self.on_free()
