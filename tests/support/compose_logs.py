"""What is bad in the logs of a compose project, and which of it docs/operations.md explains."""

import json
import re
from collections.abc import Iterable

from tests.support.source_files import ROOT

PAGE = ROOT / "docs" / "operations.md"
SECTION = "### Errors in the logs that are none"
BAD_LEVELS = {"error", "critical", "fatal"}
_BEGINS = re.compile(r"\[?20\d\d-\d\d-\d\d ")
"""An entry of Kafka or PostgreSQL; lines that begin otherwise belong to the one before."""
_BAD_OF_OTHERS = re.compile(
    r"""\A\[[^]]+\]\ (ERROR|FATAL)\b      # Kafka
    |   \b(ERROR|FATAL|PANIC):\ \         # PostgreSQL
    |   ^Traceback | ^[\w.]+(Exception|Error)\b | ^\s+at\ [\w.$]+\(""",
    re.VERBOSE | re.MULTILINE,
)
_CODE = re.compile(r"`([^`]+)`")


def explained() -> set[str]:
    """The words in backticks in the first column of the table of that section."""
    section = PAGE.read_text().partition(SECTION)[2].partition("\n#")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return {words for row in rows for words in _CODE.findall(row.split("|")[1])}


def bad_of_ours(lines: Iterable[str]) -> list[str]:
    """Errors and tracebacks; each line must be a JSON object. Nothing of this is explained away."""
    return [line for line in lines if _is_bad(line)]


def bad_of_others(lines: Iterable[str], known: Iterable[str]) -> list[str]:
    """Errors and tracebacks of Kafka or PostgreSQL that hold none of the `known` words."""
    entries: list[str] = []
    for line in lines:
        if entries and not _BEGINS.match(line):
            entries[-1] += f"\n{line}"
        else:
            entries.append(line)
    bad = [entry for entry in entries if _BAD_OF_OTHERS.search(entry)]
    return [entry for entry in bad if not any(words in entry for words in known)]


def _is_bad(line: str) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return True
    return entry.get("level") in BAD_LEVELS or "Traceback" in line
