"""docs/problems.md, written from the texts that `GET /problems/{slug}` serves.

python -m tests.support.problem_docs --write
"""

import sys
from pathlib import Path

from job_service.api.problem_texts import PROBLEMS, as_text
from tests.support.source_files import ROOT

PAGE: Path = ROOT / "docs" / "problems.md"

_HEAD = """# Problems

Every error of `job_service` is a problem as in RFC 9457, with the media type `application/problem+json`.
`type` is `/problems/` and one of the slugs below; slugs are stable, texts may get better.
`message` says in one sentence what to do, and `detail` says the same.
`GET /problems/{slug}` serves the text of this page.

Generated from `job_service/api/problem_texts.py` by `python -m tests.support.problem_docs --write`; a test
fails when this page differs.
"""


def page() -> str:
    """The whole page."""
    return "\n".join([_HEAD, *(as_text(text) for text in PROBLEMS.values())])


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page())
    else:
        sys.stdout.write(page())
