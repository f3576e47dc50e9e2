"""Which port each process takes, and that the choice lasts."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from punctual.local.plan import Plan
from punctual.local.plan_ports import plan_ports
from punctual.local.ports import HOST, any_free
from punctual.local.problems import StackProblem
from punctual.local.services import role

ONE_OF_EACH = {"job": 1, "scheduler": 1, "worker": 1}


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((HOST, any_free())) as listener:
        yield listener.getsockname()[1]


def test_auto_takes_ports_of_nobody_and_no_two_alike() -> None:
    plan = plan_ports(None, {"job": 1, "scheduler": 2, "worker": 9}, auto=True)
    assert len(set(plan.ports.values())) == len(plan.ports) == 14
    assert not {8080, 8081, 8082, 5432, 9092} & set(plan.ports.values())
    assert plan.names("worker") == [f"worker-{n}" for n in range(1, 10)]


def test_a_process_keeps_its_port_from_start_to_start() -> None:
    first = plan_ports(None, ONE_OF_EACH, auto=True)
    again = plan_ports(first, {**ONE_OF_EACH, "worker": 2}, auto=True)
    assert {name: again.ports[name] for name in first.ports} == first.ports


def test_a_port_that_somebody_took_meanwhile_is_replaced(taken_port: int) -> None:
    first = plan_ports(None, ONE_OF_EACH, auto=True).with_port("worker-1", taken_port)
    assert plan_ports(first, ONE_OF_EACH, auto=True).ports["worker-1"] != taken_port


def test_a_process_that_runs_keeps_its_port_though_it_is_taken(taken_port: int) -> None:
    first = plan_ports(None, ONE_OF_EACH, auto=True).with_port("worker-7", taken_port)
    again = plan_ports(first, ONE_OF_EACH, auto=True, running=["worker-7"])
    assert again.ports["worker-7"] == taken_port


def test_what_has_an_address_already_gets_no_process() -> None:
    plan = plan_ports(
        None,
        ONE_OF_EACH,
        auto=True,
        database_url="postgresql://elsewhere/db",
        kafka_bootstrap="elsewhere:9092",
    )
    assert plan.database_url == "postgresql://elsewhere/db"
    assert plan.kafka_bootstrap == "elsewhere:9092"
    assert sorted(plan.ports) == ["job-1", "scheduler-1", "worker-1"]


def test_the_plan_outlives_the_process_and_is_shown_as_endpoints(tmp_path: Path) -> None:
    plan = Plan(
        "postgresql://punctual@127.0.0.1:1/punctual",
        "127.0.0.1:2",
        {"job-1": 3, "scheduler-1": 4, "worker-10": 6, "worker-2": 5},
    )
    plan.save(tmp_path)
    assert Plan.load(tmp_path) == plan
    assert (tmp_path / "endpoints.env").read_text().splitlines() == [
        "JOB_SERVICE_URL=http://127.0.0.1:3",
        "SCHEDULER_SERVICE_URL=http://127.0.0.1:4",
        "WORKER_SERVICE_URLS=http://127.0.0.1:5,http://127.0.0.1:6",
        "DATABASE_URL=postgresql://punctual@127.0.0.1:1/punctual",
        "KAFKA_BOOTSTRAP=127.0.0.1:2",
        "KAFKA_KIND=apache",
    ]


@pytest.mark.parametrize("name", ["worker", "worker-0", "worker-1x", "../worker-1", "kafka-1"])
def test_a_name_that_no_process_can_have_is_refused(name: str) -> None:
    with pytest.raises(StackProblem, match="no process of the stack"):
        role(name)
