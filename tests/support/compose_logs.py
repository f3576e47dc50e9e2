"""What is bad in the logs of a compose project, and which of it docs/operations.md explains."""

import json
import re
from collections.abc import Iterable

from tests.support.source_files import ROOT

PAGE = ROOT / "docs" / "operations.md"
SECTION = "### Errors in the logs that are none"
BAD_LEVELS = {"error", "critical", "fatal"}
_BAD_OF_OTHERS = re.compile(
    r"""^\[[^]]+\]\ (ERROR|FATAL)\b    # Kafka
    |   \b(ERROR|FATAL|PANIC):\          # PostgreSQL
    |   ^Traceback | ^[\w.]+(Exception|Error)\b | ^\s+at\ [\w.$]+\(""",
    re.VERBOSE,
)
_CODE = re.compile(r"`([^`]+)`")


def explained() -> set[str]:
    """The words in backticks in the first column of the table of that section."""
    section = PAGE.read_text().partition(SECTION)[2].partition("\n#")[0]
    rows = [line for line in section.splitlines() if line.startswith("| `")]
    return {words for row in rows for words in _CODE.findall(row.split("|")[1])}


def bad_lines(lines: Iterable[str], *, ours: bool, known: Iterable[str] = ()) -> list[str]:
    """Errors and tracebacks that hold none of the `known` words. Each line of `ours` is a JSON object."""
    is_bad = _is_bad_of_ours if ours else _BAD_OF_OTHERS.search
    return [line for line in lines if is_bad(line) and not any(words in line for words in known)]


def _is_bad_of_ours(line: str) -> bool:
    try:
        entry = json.loads(line)
    except ValueError:
        return True
    return entry.get("level") in BAD_LEVELS or "Traceback" in line
