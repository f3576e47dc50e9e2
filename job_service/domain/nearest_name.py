"""The name that was most likely meant."""

import difflib
from collections.abc import Iterable

LIKENESS = 0.6
"""Below it a name is not near; 1 is the same but for upper and lower case."""


def nearest_name(wanted: str, names: Iterable[str]) -> str | None:
    """The one of `names` that is most like `wanted`; None if none is near."""
    by_lower = {name.lower(): name for name in names}
    near = difflib.get_close_matches(wanted.lower(), by_lower, n=1, cutoff=LIKENESS)
    return by_lower[near[0]] if near else None
