"""How many items go into one request, so that one that is refused is found and fails alone."""


class BatchLimit:
    """Halves when a whole batch is refused (4xx), doubles with each one accepted, up to `most`."""

    def __init__(self, most: int) -> None:
        self._most = most
        self.size = most

    def refused(self, sent: int) -> bool:
        """A batch of `sent` items was refused; whether it was a single one, which is then the bad
        one.
        """
        self.size = max(1, sent // 2)
        return sent == 1

    def accepted(self) -> None:
        """A batch was taken."""
        self.size = min(self._most, self.size * 2)
