"""Exponential back-off with full jitter: the wait is uniform between 0 and the exponential bound."""


def full_jitter(attempt: int, *, base_seconds: float, cap_seconds: float, uniform: float) -> float:
    """Seconds to wait before try number `attempt` + 1.

    `attempt` counts failures so far (1, 2, …); `uniform` is a random number in [0, 1) that the
    caller brings, so that a test can choose it.
    """
    if attempt < 1:
        raise ValueError(f"back-off starts at the first failure, not at {attempt}")
    bound = min(cap_seconds, base_seconds * 2.0 ** min(attempt - 1, 62))
    return bound * uniform
