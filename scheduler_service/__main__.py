"""`python -m scheduler_service`: run one scheduler process."""

import sys

from scheduler_service.app import serve
from scheduler_service.settings import SchedulerSettings
from shared.runtime import failpoints, log
from shared.runtime.serve import run
from shared.runtime.settings import SettingsProblem, load


def main() -> int:
    """Exit codes: 0 ended in good order, 2 the settings or the address cannot be used."""
    try:
        settings = load(SchedulerSettings)
    except SettingsProblem as problem:
        print(f"scheduler_service: {problem}", file=sys.stderr)
        return 2
    log.configure(settings.log, service="scheduler_service")
    failpoints.arm(settings.test)
    code = 0
    try:
        code = run(lambda: serve(settings))
    except* OSError as errors:
        print(f"scheduler_service: {errors.exceptions[0]}", file=sys.stderr)
        code = 2
    return code


if __name__ == "__main__":
    sys.exit(main())
