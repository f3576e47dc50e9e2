"""What documents say of the code can be found in it: links, paths, statements, make targets, the numbers
of decisions, and what was generated."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.support import rules, settings_docs
from tests.support.marked_text import between
from tests.support.source_files import FOLDERS, ROOT

ADR = ROOT / "docs" / "adr"
ADR_PARTS = ["Context", "Decision", "Consequences", "What enforces it"]
TOP = (*FOLDERS, "docs", "changes", "requirements", ".ci")
"""What a path in backticks may begin with to be one of ours."""
MADE = ("bench/results/",)
"""What our commands write and git ignores: it is there only after them."""

_FENCE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"`([^`\n]+)`")
_LINK = re.compile(r"\[[^\]]+\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.+?) *$", re.MULTILINE)
_PATH = re.compile(r"(?P<path>[\w.-]+(?:/[\w.-]+)+/?)(?::(?P<name>[A-Z_]+))?")
_ROOT_FILE = re.compile(r"[\w.-]+\.(?:md|toml)")
_MAKE = re.compile(r"\bmake ([a-z][a-z-]*)")
_NOT_LOCAL = ("http:", "https:", "mailto:")


def test_every_relative_link_leads_somewhere() -> None:
    broken = [
        f"{_name(page)}: {link}"
        for page in _pages()
        for link in _LINK.findall(_prose(page))
        if not link.startswith(_NOT_LOCAL) and not _resolves(page, link)
    ]
    assert broken == []


def test_every_path_and_statement_that_is_named_exists() -> None:
    missing = [
        f"{_name(page)}: {code}"
        for page in _pages()
        for code in _CODE.findall(_prose(page))
        if not _exists(code)
    ]
    assert missing == []


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    unknown = {
        f"{_name(page)}: make {target}"
        for page in _pages()
        for code in _code(page)
        for target in _MAKE.findall(code)
        if target not in targets
    }
    assert unknown == set()


def test_decisions_are_numbered_without_gaps() -> None:
    numbers = [int(page.name[:4]) for page in _decisions()]
    assert numbers == list(range(1, len(numbers) + 1))


def test_the_index_names_each_decision_by_its_title() -> None:
    index = (ADR / "README.md").read_text()
    rows = [f"| [{page.name[:4]}]({page.name}) | {_title(page)} |" for page in _decisions()]
    assert re.findall(r"^\| \[\d{4}\].*$", index, re.MULTILINE) == rows


def test_each_decision_has_the_four_parts() -> None:
    parts = {
        page.name: re.findall(r"^## (.+)$", page.read_text(), re.MULTILINE) for page in _decisions()
    }
    assert {name: found for name, found in parts.items() if found != ADR_PARTS} == {}


def test_the_table_of_settings_is_that_of_the_code() -> None:
    written = between(settings_docs.PAGE.read_text(), settings_docs.PART)
    assert written == settings_docs.part(), "python -m tests.support.settings_docs --write"


def test_the_table_of_rules_names_the_tests_that_are_there() -> None:
    written = between(rules.PAGE.read_text(), rules.PART)
    assert written == rules.part(), "python -m tests.support.rules --write"


def _pages() -> Iterator[Path]:
    yield from sorted(ROOT.glob("*.md"))
    for folder in ("docs", "changes"):
        yield from sorted((ROOT / folder).rglob("*.md"))


def _decisions() -> list[Path]:
    return sorted(page for page in ADR.glob("*.md") if page.name != "README.md")


def _title(page: Path) -> str:
    """The heading without its number, which is that of the file."""
    first = page.read_text().splitlines()[0]
    assert first.startswith(f"# {page.name[:4]}: "), first
    return first.removeprefix(f"# {page.name[:4]}: ")


def _name(page: Path) -> str:
    return str(page.relative_to(ROOT))


def _prose(page: Path) -> str:
    return _FENCE.sub("", page.read_text())


def _code(page: Path) -> list[str]:
    return [*_FENCE.findall(page.read_text()), *_CODE.findall(_prose(page))]


def _resolves(page: Path, link: str) -> bool:
    path, _, anchor = link.partition("#")
    target = (page.parent / path).resolve() if path else page
    if not target.exists() or not target.is_relative_to(ROOT):
        return False
    return not anchor or anchor in {_slug(text) for text in _HEADING.findall(_prose(target))}


def _slug(heading: str) -> str:
    """The anchor that hosts of Markdown make of a heading."""
    kept = re.sub(r"[^\w\- ]", "", heading.lower())
    return kept.replace(" ", "-")


def _exists(code: str) -> bool:
    """Whether it is no path of ours, or one that is there, with the statement that it names."""
    if _ROOT_FILE.fullmatch(code):
        return (ROOT / code).exists()
    match = _PATH.fullmatch(code)
    if match is None or match["path"].split("/")[0] not in TOP or code.startswith(MADE):
        return True
    target, name = ROOT / match["path"], match["name"]
    if name is None:
        return target.exists()
    return target.is_file() and bool(re.search(rf"^{name} = ", target.read_text(), re.MULTILINE))
