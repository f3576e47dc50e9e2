"""The first job after a while of nothing, and what nothing costs."""

import sys
import time

from bench import cpu, lateness
from bench.figures import STORES
from bench.scenarios.scenario import Row, Scenario, Sizes, run_command
from tests.support.sink import listening_sink
from tests.support.stacks import RunningStack


def measure(stack: RunningStack, sizes: Sizes) -> list[Row]:
    """Idle, then one job; as often as asked."""
    with listening_sink() as sink:
        lateness.measure(stack, sink, jobs=20, rate=20.0, ahead=0.0)
        return [_once(stack, sizes["seconds"]) for _ in range(sizes["times"])]


def _once(stack: RunningStack, seconds: float) -> Row:
    used = cpu.by_role(stack.stack)
    time.sleep(seconds)
    spent = {role: after - used[role] for role, after in cpu.by_role(stack.stack).items()}
    with listening_sink() as sink:
        (late,) = lateness.measure(stack, sink, jobs=1, rate=1.0, ahead=0.0, warm_up=0).by_sink
    share = {role: 100 * spent_there / seconds for role, spent_there in spent.items()}
    product = sum(percent for role, percent in share.items() if role not in STORES)
    return {
        "idle s": round(seconds),
        "answer to begin ms": round(late, 2),
        "product, % of a core": round(product, 2),
        **{f"{role} %": round(percent, 2) for role, percent in sorted(share.items())},
    }


SCENARIO = Scenario(
    name="idle",
    title="The first job after a while of nothing",
    says=(
        "Nothing is created for a while; then one job that is due at once, from the answer to its create until "
        "its handler begins. The shares are what each role used of a core meanwhile."
    ),
    given=("idle s",),
    sizes={"seconds": 600.0, "times": 1},
    quick={"seconds": 10.0, "times": 1},
    measure=measure,
)

if __name__ == "__main__":
    sys.exit(run_command(SCENARIO))
