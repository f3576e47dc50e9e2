"""The examples of docs/job-types.md and docs/http_call.md fit the types they are for."""

import ast
import json
import re
from pathlib import Path

import pytest

from tests.support.readme import blocks
from tests.support.source_files import ROOT
from worker_service.discovery import discover

PAGE = (ROOT / "docs" / "job-types.md").read_text()
OF_CALLS = (ROOT / "docs" / "http_call.md").read_text()
EXAMPLES = [
    example
    for text in re.findall(r"^```json\n(.*?)^```$", PAGE + OF_CALLS, re.MULTILINE | re.DOTALL)
    if "jobType" in (example := json.loads(text))
]
CODE_LINES_MOST = 15
_DOCUMENTED = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
PROGRAM = re.search(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: str(example["name"]))
def test_an_example_fits_its_type(example: dict[str, object]) -> None:
    job_type = discover()[str(example["jobType"])]
    assert job_type.payload.model_validate_json(json.dumps(example["payload"]))


def test_each_shipped_type_has_an_example() -> None:
    assert {example["jobType"] for example in EXAMPLES} == set(discover())


def test_the_example_of_a_type_is_one(tmp_path: Path) -> None:
    assert PROGRAM is not None
    (tmp_path / "thumbnail.py").write_text(PROGRAM[1])
    assert discover([tmp_path])["THUMBNAIL"].lane == "async"


def test_the_type_of_the_readme_has_15_lines_of_code() -> None:
    """Show 1 of the handlers' issue: without blank lines and docstrings."""
    (block,) = [b for b in blocks() if b.file is not None and b.file.startswith("handlers/")]
    tree = ast.parse(block.text)
    documented = [n for n in ast.walk(tree) if isinstance(n, _DOCUMENTED) and ast.get_docstring(n)]
    for node in documented:
        node.body = node.body[1:] or [ast.Pass()]
    assert len(ast.unparse(tree).replace("\n\n", "\n").splitlines()) <= CODE_LINES_MOST
