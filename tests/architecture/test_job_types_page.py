"""The examples of docs/job-types.md fit the types they are for."""

import json
import re
from pathlib import Path

import pytest

from tests.support.source_files import ROOT
from worker_service.discovery import discover

PAGE = (ROOT / "docs" / "job-types.md").read_text()
EXAMPLES = [
    example
    for text in re.findall(r"^```json\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    if "jobType" in (example := json.loads(text))
]
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
