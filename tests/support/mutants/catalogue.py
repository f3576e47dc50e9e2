"""All mutants, and what must be true of the list itself."""

from collections.abc import Sequence

from tests.support.mutants import (
    of_bulk,
    of_calls,
    of_changes,
    of_creates,
    of_credits,
    of_duties,
    of_effects,
    of_grants,
    of_handlers,
    of_keys,
    of_pauses,
    of_schedulers,
    of_sessions,
    of_timing,
    of_workers,
)
from tests.support.mutants.mutant import Mutant
from tests.support.source_files import ROOT

MUTANTS: tuple[Mutant, ...] = (
    *of_grants.MUTANTS,
    *of_changes.MUTANTS,
    *of_keys.MUTANTS,
    *of_pauses.MUTANTS,
    *of_duties.MUTANTS,
    *of_creates.MUTANTS,
    *of_sessions.MUTANTS,
    *of_schedulers.MUTANTS,
    *of_workers.MUTANTS,
    *of_timing.MUTANTS,
    *of_credits.MUTANTS,
    *of_handlers.MUTANTS,
    *of_effects.MUTANTS,
    *of_calls.MUTANTS,
    *of_bulk.MUTANTS,
)


def chosen(words: Sequence[str]) -> list[Mutant]:
    """Those that a word picks by a part of rule, text or file; all without any word."""
    return [
        m for m in MUTANTS if not words or any(w in f"{m.rule} {m.what} {m.file}" for w in words)
    ]


def adrift(mutants: Sequence[Mutant]) -> list[str]:
    """Those whose text does not stand in its file once, each as a sentence."""
    counts = ((m, (ROOT / m.file).read_text().count(m.text)) for m in mutants)
    return [
        f"{m.rule} {m.what}: its text stands {n} times in {m.file}" for m, n in counts if n != 1
    ]


def rules(mutants: Sequence[Mutant]) -> set[int]:
    """The numbers of the rules of the protocol that they break."""
    return {int(m.rule[1:]) for m in mutants if m.rule.startswith("R")}
