"""Every state × every public verb: the tables of docs/api.md, tried again."""

from tests.support import verb_table
from tests.support.marked_text import between


async def test_the_tables_of_verbs_are_what_the_service_answers(database_url: str) -> None:
    """And each answer is a success, or a 409 that names what is allowed (`verb_table` looks at it)."""
    written = between(verb_table.PAGE.read_text(), verb_table.PART)
    assert written == await verb_table.part(database_url), (
        "python -m tests.support.verb_table --write"
    )
