"""docs/cli.md says what `--help` says."""

from tests.support import cli_docs
from tests.support.marked_text import between


def test_the_page_lists_every_verb_as_help_does() -> None:
    written = between(cli_docs.PAGE.read_text(), cli_docs.PART)
    assert written == cli_docs.part(), "python -m tests.support.cli_docs --write"
