"""Which port each process of the stack takes.

A process keeps its port from one start to the next while that is free. The first of each service
wants the port of the reference contract; what is taken, or asked for with `PUNCTUAL_PORTS=auto`, is
replaced by a free one, and `endpoints.env` says which.
"""

from collections.abc import Callable, Mapping, Sequence

from punctual.local.plan import Plan
from punctual.local.ports import HOST, any_free, is_free
from punctual.local.postgres import DATABASE, ROLE
from punctual.local.services import FIRST_PORTS, number, role

BASE_PORTS = {"postgres": 5432, "kafka": 9092}


def plan_ports(
    old: Plan | None,
    counts: Mapping[str, int],
    *,
    auto: bool,
    database_url: str | None = None,
    kafka_bootstrap: str | None = None,
    kafka_kind: str = "apache",
    running: Sequence[str] = (),
    say: Callable[[str], None] = lambda line: None,
) -> Plan:
    """A plan with at least `counts` processes of each role, and with every process that runs.

    A database or a broker that has an address already gets no process. A broker that runs stays of
    the kind that it is.
    """
    wanted = [f"{kind}-{n}" for kind, count in counts.items() for n in range(1, count + 1)]
    wanted += [name for name in running if name not in (*wanted, *BASE_PORTS)]
    wanted += [] if database_url else ["postgres"]
    wanted += [] if kafka_bootstrap else ["kafka"]
    before = dict(old.ports) if old else {}
    ports = {name: before[name] for name in running if name in before}
    for name in wanted:
        if name not in ports:
            ports[name] = _choose(name, before.get(name), set(ports.values()), auto=auto, say=say)
    return Plan(
        database_url=database_url or f"postgresql://{ROLE}@{HOST}:{ports['postgres']}/{DATABASE}",
        kafka_bootstrap=kafka_bootstrap or f"{HOST}:{ports['kafka']}",
        ports=ports,
        kafka_kind=old.kafka_kind if old and "kafka" in running else kafka_kind,
    )


def _choose(
    name: str, before: int | None, taken: set[int], *, auto: bool, say: Callable[[str], None]
) -> int:
    usual = _usual_port(name)
    for port in (None if auto else usual, before):
        if port is not None and port not in taken and is_free(port):
            return port
    port = any_free(taken)
    if usual is not None and not auto:
        say(f"port {usual} is taken: {name} listens on {port} (see endpoints.env)")
    return port


def _usual_port(name: str) -> int | None:
    """The port that a person expects; None where any will do."""
    if name in BASE_PORTS:
        return BASE_PORTS[name]
    kind = role(name)
    if kind == "worker":
        return FIRST_PORTS[kind] + number(name) - 1
    return FIRST_PORTS[kind] if number(name) == 1 else None
