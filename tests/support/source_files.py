"""The Python files of this project."""

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("job_service", "scheduler_service", "worker_service", "shared", "punctual")
FOLDERS = (*PACKAGES, "tests", "bench", "examples")


def source_files() -> Iterator[Path]:
    """All of them: the product, its tests, its benchmarks and examples."""
    for folder in FOLDERS:
        yield from sorted((ROOT / folder).rglob("*.py"))
