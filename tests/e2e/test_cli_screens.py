"""docs/screens.md shows what the command shows."""

from tests.support import cli_screens
from tests.support.marked_text import between


def test_the_screens_are_those_of_a_real_stack() -> None:
    written = between(cli_screens.PAGE.read_text(), cli_screens.PART)
    assert written == cli_screens.part(), "python -m tests.support.cli_screens --write"
