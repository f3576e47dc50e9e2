"""Switches of failpoints (shared/runtime/failpoints.py), from the side of the test that throws them."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.support.waiting import wait_until

HIT_LIMIT_SECONDS = 30.0
MEANWHILE_SECONDS = 1.0


@dataclass(frozen=True)
class Switch:
    """One that was thrown."""

    file: Path

    def hit_by(self) -> int | None:
        """The pid of the process that came to the point; None while nobody has."""
        taken = self.file.with_name(f"{self.file.name}.hit")
        said = taken.read_text().split("\n") if taken.exists() else []
        return int(said[1]) if len(said) > 2 else None

    def wait_hit(self, *, meanwhile: Callable[[], None]) -> int:
        """Wait until a process came to the point; its pid. `meanwhile` is called each second."""
        again_at = time.monotonic() + MEANWHILE_SECONDS

        def look() -> int | None:
            nonlocal again_at
            if time.monotonic() >= again_at:
                again_at += MEANWHILE_SECONDS
                meanwhile()
            return self.hit_by()

        pid = wait_until(
            look, within=HIT_LIMIT_SECONDS, every=0.02, what=f"{self.file.name} to be hit"
        )
        assert pid is not None
        return pid

    def go(self) -> None:
        """Let who pauses at the point go on."""
        self.file.with_name(f"{self.file.name}.go").touch()


class Switches:
    """The switches in one directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory

    def throw(self, point: str, action: str, *, times: int = 1, where: str = "") -> Switch:
        """What is to happen at a point, `times` after now; what was said of that point before is over."""
        file = self.directory / point
        for left in self.directory.glob(f"{point}*"):
            left.unlink()
        whole = self.directory / f".{point}"
        whole.write_text(f"{action} {times} {where}")
        whole.rename(file)
        return Switch(file)
