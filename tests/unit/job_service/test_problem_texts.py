"""Each slug that the code answers with has its text, and docs/problems.md is made of these texts."""

import re
from collections.abc import Iterator

from job_service.api import change_jobs, create_jobs
from job_service.api.problem_texts import PROBLEMS
from job_service.api.problems import HTTP_SLUGS
from job_service.operations.problems import Problem
from tests.support import problem_docs
from tests.support.source_files import ROOT

_SLUG = re.compile(r'\bslug="([a-z-]+)"')


def test_every_slug_of_the_code_has_a_text() -> None:
    assert {create_jobs.InvalidItem, change_jobs.PreconditionRequired} <= set(_kinds(Problem))
    assert _slugs_in_code() - {"problem"} == set(PROBLEMS)


def test_every_problem_comes_with_a_status_that_its_text_names() -> None:
    for kind in _kinds(Problem):
        assert kind.status in PROBLEMS[kind.slug].statuses, kind


def test_the_page_is_made_of_the_texts() -> None:
    assert problem_docs.PAGE.read_text() == problem_docs.page(), (
        "python -m tests.support.problem_docs --write"
    )


def test_each_text_is_whole_sentences_one_a_line() -> None:
    for text in PROBLEMS.values():
        assert all(line.endswith((".", "`.")) for line in f"{text.means}\n{text.do}".splitlines())


def _slugs_in_code() -> set[str]:
    """Of the known problems, of replies that are made in place, and of HTTP's own errors."""
    sources = [file.read_text() for file in (ROOT / "job_service" / "api").glob("*.py")]
    in_place = {slug for source in sources for slug in _SLUG.findall(source)}
    return in_place | {kind.slug for kind in _kinds(Problem)} | {*HTTP_SLUGS.values(), "http"}


def _kinds(kind: type[Problem]) -> Iterator[type[Problem]]:
    for sub in kind.__subclasses__():
        yield sub
        yield from _kinds(sub)
