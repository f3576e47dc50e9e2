"""How each of our three services is started as a process, and how it says that it is ready."""

import http.client
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

from punctual.local.plan import Plan
from punctual.local.ports import HOST
from punctual.local.problems import StackProblem

MODULES = {"job": "job_service", "scheduler": "scheduler_service", "worker": "worker_service"}
FIRST_PORTS = {"job": 8080, "scheduler": 8081, "worker": 8082}
READY_REQUEST_SECONDS = 2.0
_NAME = re.compile(r"(job|scheduler|worker)-[1-9][0-9]*")


def role(name: str) -> str:
    """`worker` of `worker-2`.

    Raises:
        StackProblem: no process of the stack can have this name.
    """
    match = _NAME.fullmatch(name)
    if match is None:
        raise StackProblem(
            f"{name!r} is no process of the stack: postgres, kafka, job-1, scheduler-1…, worker-1…"
        )
    return match[1]


def number(name: str) -> int:
    """2 of `worker-2`."""
    return int(name.rpartition("-")[2])


def command(name: str) -> list[str]:
    """What starts it."""
    return [sys.executable, "-m", MODULES[role(name)]]


def migrate_command() -> list[str]:
    """What brings the database to this version's schema."""
    return [sys.executable, "-m", MODULES["job"], "migrate"]


def working_directory() -> Path:
    """From where `python -m job_service` finds it: the checkout, or the folder it is installed
    in.
    """
    return Path(__file__).resolve().parents[2]


def environment(name: str, plan: Plan, given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The environment of a service: the caller's own, the plan's addresses, then what is
    `given`.
    """
    kind = role(name)
    env = dict(os.environ)
    env["PYTHONUNBUFFERED"] = "1"
    env["PUNCTUAL_JOB_SERVICE__URL"] = plan.url("job-1")
    if kind == "job":
        env["PUNCTUAL_DATABASE__URL"] = plan.database_url
    else:
        env.pop("PUNCTUAL_DATABASE__URL", None)
        env["PUNCTUAL_KAFKA__BOOTSTRAP"] = plan.kafka_bootstrap
    section = MODULES[kind] if kind == "job" else kind
    env[f"PUNCTUAL_{section.upper()}__PORT"] = str(plan.ports[name])
    env.update(given or {})
    return env


def is_ready(port: int) -> bool:
    """Whether `/readyz` answers 200."""
    connection = http.client.HTTPConnection(HOST, port, timeout=READY_REQUEST_SECONDS)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
