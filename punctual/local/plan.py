"""Where everything of one stack listens. Kept in `stack.json`, so that a process that is started
again listens where it did; others read `endpoints.env` (contract.md section 4).
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from punctual.local.ports import HOST


@dataclass(frozen=True)
class Plan:
    """Addresses of the stack; `ports` by the process's name."""

    database_url: str
    kafka_bootstrap: str
    ports: Mapping[str, int] = field(default_factory=dict)
    kafka_kind: str = "apache"
    """`apache` or `embedded`."""

    def url(self, name: str) -> str:
        """The address of a service."""
        return f"http://{HOST}:{self.ports[name]}"

    def names(self, role: str) -> list[str]:
        """The services of one role, by their numbers."""
        found = [name for name in self.ports if name.rpartition("-")[0] == role]
        return sorted(found, key=lambda name: int(name.rpartition("-")[2]))

    def with_port(self, name: str, port: int) -> "Plan":
        """The same with one more process."""
        return replace(self, ports={**self.ports, name: port})

    def endpoints(self) -> dict[str, str]:
        """What others read."""
        return {
            "JOB_SERVICE_URL": self.url("job-1"),
            "SCHEDULER_SERVICE_URL": self.url("scheduler-1"),
            "WORKER_SERVICE_URLS": ",".join(self.url(name) for name in self.names("worker")),
            "DATABASE_URL": self.database_url,
            "KAFKA_BOOTSTRAP": self.kafka_bootstrap,
            "KAFKA_KIND": self.kafka_kind,
        }

    def save(self, root: Path) -> None:
        """Write both files, each whole or not at all."""
        root.mkdir(parents=True, exist_ok=True)
        _write(root / "stack.json", json.dumps(asdict(self), indent=2) + "\n")
        lines = [f"{name}={value}\n" for name, value in self.endpoints().items()]
        _write(root / "endpoints.env", "".join(lines))

    @staticmethod
    def load(root: Path) -> "Plan | None":
        """The plan of this state directory, or None."""
        try:
            return Plan(**json.loads((root / "stack.json").read_text()))
        except (OSError, ValueError, TypeError):
            return None


def _write(path: Path, text: str) -> None:
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_text(text)
    fresh.replace(path)
