"""`python -m punctual.local run | up | down | start NAME | reset`.

Exit codes: 0 done, 1 the answer is no, 2 could not do it (the line on standard error says what to
do).
"""

import argparse
import os
import signal
import sys
import threading
from collections.abc import Sequence

from punctual.local.first_job import run_first_job
from punctual.local.kafka_kind import EMBEDDED, VARIABLE
from punctual.local.plan import Plan
from punctual.local.problems import StackProblem
from punctual.local.stack import Options, Stack, state_dir

WATCH_SECONDS = 1.0


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    args = _parse(arguments)
    if args.verb == "reset" and not args.yes and not _sure():
        return 1
    asked_to_end, give_up = threading.Event(), threading.Event()

    def end(*_: object) -> None:
        asked_to_end.set()
        give_up.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, end)
    stack = Stack(_options(args), say=_say, give_up=give_up)
    try:
        _do(args, stack, asked_to_end)
    except StackProblem as problem:
        if asked_to_end.is_set():
            return 130
        print(f"punctual: {problem}", file=sys.stderr)
        return 2
    return 0


def _do(args: argparse.Namespace, stack: Stack, asked_to_end: threading.Event) -> None:
    if args.verb == "run":
        _run(stack, asked_to_end)
    elif args.verb == "up":
        _show(stack.up())
    elif args.verb == "start":
        stack.spawn(args.name)
    elif args.verb == "reset":
        stack.reset()
    else:
        stack.down()


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="punctual", description="The local stack of Punctual.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    for verb, text in (
        ("run", "start everything, run a first job, stay until Ctrl-C, leave nothing running"),
        ("up", "start everything in the background"),
    ):
        starter = verbs.add_parser(verb, help=text)
        starter.add_argument("--workers", type=_count, default=1)
        starter.add_argument("--schedulers", type=_count, default=1)
    verbs.add_parser("down", help="stop everything")
    one = verbs.add_parser("start", help="start one process, for example worker-2")
    one.add_argument("name")
    reset = verbs.add_parser("reset", help="throw the local data away")
    reset.add_argument("--yes", action="store_true", help="do not ask")
    return parser.parse_args(arguments)


def _count(text: str) -> int:
    value = int(text)
    if not 1 <= value <= 100:
        raise argparse.ArgumentTypeError("1 to 100")
    return value


def _options(args: argparse.Namespace) -> Options:
    return Options(
        root=state_dir(),
        workers=getattr(args, "workers", 1),
        schedulers=getattr(args, "schedulers", 1),
        auto_ports=os.environ.get("PUNCTUAL_PORTS", "") == "auto",
        database_url=os.environ.get("PUNCTUAL_DATABASE__URL") or None,
        kafka_bootstrap=os.environ.get("PUNCTUAL_KAFKA__BOOTSTRAP") or None,
        kafka_kind=os.environ.get(VARIABLE) or None,
    )


def _run(stack: Stack, asked_to_end: threading.Event) -> None:
    if stack.running():
        raise StackProblem("a stack runs here already: make down stops it")
    try:
        _say("starting PostgreSQL, Kafka and the services …")
        plan = stack.up()
        _say("\nA first job, created with POST /api/v1/jobs:\n")
        _say(run_first_job(plan.url("job-1"), asked_to_end))
        _show(plan)
        _say("\nCtrl-C stops everything.")
        _watch(stack, asked_to_end)
    finally:
        _say("\nstopping …")
        stack.down()


def _watch(stack: Stack, asked_to_end: threading.Event) -> None:
    """Stay until asked to end, and tell of processes that end before."""
    known = stack.running()
    while not asked_to_end.wait(WATCH_SECONDS):
        running = stack.running()
        for name in known:
            if name not in running:
                _say(f"{name} has ended: make start NAME={name} starts it again")
        known = running


def _sure() -> bool:
    _say(f"This throws away all local data in {state_dir()}. Type yes to go on:")
    try:
        return sys.stdin.readline().strip() == "yes"
    except KeyboardInterrupt:
        return False


def _show(plan: Plan) -> None:
    job = plan.url("job-1")
    _say(f"\n  jobs       {job}/api/v1/jobs   (Swagger UI: {job}/docs)")
    for name in plan.names("scheduler"):
        _say(f"  scheduler  {plan.url(name)}/docs")
    for name in plan.names("worker"):
        _say(f"  worker     {plan.url(name)}/api/v1/executions")
    _say(f"  database   {plan.database_url}")
    note = "   (embedded: not for production)" if plan.kafka_kind == EMBEDDED else ""
    _say(f"  kafka      {plan.kafka_bootstrap}{note}")
    _say(f"  state      {state_dir()}")


def _say(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
