"""The table of reasons in docs/why.md, written from the code.

python -m tests.support.why_docs --write
"""

import re
import sys
from pathlib import Path

from pydantic.alias_generators import to_camel

from job_service.domain.reasons import REASONS
from tests.support.marked_text import with_part
from tests.support.source_files import ROOT

PAGE: Path = ROOT / "docs" / "why.md"
PART = "reasons"


def part() -> str:
    """A row for each reason."""
    lines = ["| `reason` | holds when | `text` |", "|---|---|---|"]
    lines += [
        f"| `{reason.slug}` | {reason.means} | {_camel(reason.text)} |"
        for reason in REASONS.values()
    ]
    return "\n".join(lines) + "\n"


def _camel(text: str) -> str:
    """Facts in braces by the names that clients see."""
    return re.sub(r"\{(\w+)\}", lambda found: "{" + to_camel(found[1]) + "}", text)


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_part(PAGE.read_text(), PART, part()))
    else:
        sys.stdout.write(part())
