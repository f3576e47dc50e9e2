"""Priorities (-100 to 100, higher first) fall into five bands; a band is what the claim orders by."""

LOWEST, HIGHEST = -100, 100
BANDS = (0, 1, 2, 3, 4)
"""0 is claimed first."""

_LOWER_BOUNDS = (61, 21, -20, -60, LOWEST)


def band_of(priority: int) -> int:
    """The band of a priority.

    Raises:
        ValueError: it is not within -100 to 100.
    """
    if not LOWEST <= priority <= HIGHEST:
        raise ValueError(f"priority is {LOWEST} to {HIGHEST}, not {priority}")
    return next(band for band, bound in enumerate(_LOWER_BOUNDS) if priority >= bound)
