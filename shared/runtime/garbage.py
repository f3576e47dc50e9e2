"""When the collector of cyclic garbage runs.

Nearly all that a service makes for a job is freed by reference counts. The collector walks through the rest,
and by Python's thresholds it does so for each few jobs: a fifth of a service's CPU under load. What is imported
stays for ever and need not be walked through at all.
"""

import gc

YOUNG_OBJECTS = 20_000
"""New objects between two looks at the youngest; a service under load makes some 100 that stay for each job."""
LOOKS_OF_YOUNG, LOOKS_OF_MIDDLE = 10, 10


def settle() -> None:
    """Keep what is there out of the collector's sight, and let it look less often. Call once, after start-up's
    imports and before any work."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG_OBJECTS, LOOKS_OF_YOUNG, LOOKS_OF_MIDDLE)
