"""The list of mutants, the code and the page that shows them are in step."""

from tests.support.mutants import page
from tests.support.mutants.catalogue import MUTANTS, adrift, rules
from tests.support.rules import NOT_BUILT_YET, RULES
from tests.support.source_files import ROOT


def test_the_text_of_every_mutant_stands_once_in_its_file() -> None:
    assert adrift(MUTANTS) == []


def test_every_rule_that_is_code_has_a_mutant() -> None:
    assert set(RULES) - set(NOT_BUILT_YET) - rules(MUTANTS) == set()


def test_every_test_that_a_mutant_names_is_there() -> None:
    named = {test for mutant in MUTANTS for test in (*mutant.tests, mutant.control)}
    missing = [
        test
        for test in sorted(named)
        if f"def {test.rpartition('::')[2].partition('[')[0]}("
        not in (ROOT / test.partition("::")[0]).read_text()
    ]
    assert missing == []


def test_the_page_of_mutants_has_all_of_them_and_no_others() -> None:
    assert page.missing(MUTANTS) == []
