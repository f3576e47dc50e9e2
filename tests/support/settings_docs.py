"""The table of settings in docs/operations.md, written from shared/runtime/settings.py.

python -m tests.support.settings_docs --write
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from annotated_types import Ge, Gt, Le, Lt
from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

from job_service.settings import JobServiceSettings
from scheduler_service.settings import SchedulerSettings
from shared.runtime.durations import seconds
from shared.runtime.settings import PREFIX, SECTIONS, Section, ServiceSettings
from tests.support.marked_text import with_part
from tests.support.source_files import ROOT
from worker_service.settings import WorkerSettings

PAGE: Path = ROOT / "docs" / "operations.md"
PART = "settings"

_READERS: dict[str, type[ServiceSettings]] = {
    "job": JobServiceSettings,
    "scheduler": SchedulerSettings,
    "worker": WorkerSettings,
}
_UNITS = ((86_400.0, "d"), (3_600.0, "h"), (60.0, "m"), (1.0, "s"))
_SIGNS = ((Ge, "ge", "≥"), (Gt, "gt", ">"), (Le, "le", "≤"), (Lt, "lt", "<"))


def table() -> str:
    """One row for each setting, by section."""
    lines = ["| variable | default | bounds | read by |", "|---|---|---|---|"]
    for section, model in SECTIONS.items():
        lines += _rows(section, model)
    return "\n".join([*lines, ""])


def meanings() -> str:
    """What each section is about: the first paragraph of its docstring."""
    lines = []
    for section, model in SECTIONS.items():
        text = " ".join((model.__doc__ or "").split("\n\n")[0].split())
        lines.append(f"- `{PREFIX}{section.upper()}__…`: {text}")
    return "\n".join([*lines, ""])


def part() -> str:
    """The generated part of the page."""
    return f"{meanings()}\n{table()}"


def _rows(section: str, model: type[Section]) -> Iterator[str]:
    readers = ", ".join(n for n, settings in _READERS.items() if section in settings.model_fields)
    for name, field in model.model_fields.items():
        variable = f"{PREFIX}{section}__{name}".upper()
        yield f"| `{variable}` | {_default(field)} | {_bounds(field)} | {readers} |"


def _is_duration(field: FieldInfo) -> bool:
    return any(
        isinstance(item, BeforeValidator) and item.func is seconds for item in field.metadata
    )


def _default(field: FieldInfo) -> str:
    value = field.default
    if value == "":
        return "none"
    return f"`{_duration(value) if _is_duration(field) else value}`"


def _bounds(field: FieldInfo) -> str:
    found = [
        f"{sign} {_bound(field, getattr(item, attribute))}"
        for kind, attribute, sign in _SIGNS
        for item in field.metadata
        if isinstance(item, kind)
    ]
    choices = [item.pattern for item in field.metadata if getattr(item, "pattern", None)]
    found += [choice.strip("^$()").replace("|", ", ") for choice in choices]
    return ", ".join(found)


def _bound(field: FieldInfo, value: Any) -> str:
    return _duration(value) if _is_duration(field) else str(value)


def _duration(seconds: float) -> str:
    """As one would write it: 250ms, 15s, 5m, 30d."""
    if 0 < seconds < 1:
        return f"{seconds * 1_000:g}ms"
    for size, unit in _UNITS:
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_part(PAGE.read_text(), PART, part()))
    else:
        sys.stdout.write(part())
