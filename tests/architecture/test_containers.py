"""What the container files promise, read from the files: no engine is needed."""

import re
import subprocess
import sys
from typing import Any

from ruamel.yaml import YAML

from shared.runtime.durations import seconds
from shared.runtime.settings import Worker, known_names
from tests.support.components import KAFKA_IMAGE, POSTGRES_IMAGE
from tests.support.source_files import ROOT

COMPOSE = ROOT / "docker-compose.yml"
FILES = (COMPOSE, ROOT / "Dockerfile", *sorted((ROOT / "deploy").iterdir()))
OURS = ("migrate", "job", "scheduler", "worker")
ASKS_A_REGISTRY = ("# syntax", "pull_policy", "--pull")
"""Lines that make a build or a start depend on a registry even when every image is here."""


def services() -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = YAML(typ="safe").load(COMPOSE)["services"]
    return found


def test_the_compose_file_fits_the_schema_of_compose() -> None:
    command = ["-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(COMPOSE)]
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_setting_that_is_named_is_one() -> None:
    known = set(known_names())
    named = {name for file in FILES for name in re.findall(r"\bPUNCTUAL_\w+", file.read_text())}
    assert named
    assert named - known == set()


def test_any_number_of_workers_fits() -> None:
    """No name of its own, and a range of host ports: contract.md section 4."""
    worker = services()["worker"]
    assert worker["ports"] == ["127.0.0.1:${WORKER_PORTS:-8082-8091}:8082"]
    assert [name for name, service in services().items() if "container_name" in service] == []


def test_nothing_is_published_beyond_loopback() -> None:
    ports = [port for service in services().values() for port in service.get("ports", ())]
    assert ports
    assert all(port.startswith("127.0.0.1:") for port in ports)


def test_a_worker_is_given_longer_than_its_drain() -> None:
    grace = seconds(services()["worker"]["stop_grace_period"])
    assert grace > Worker().drain + 10


def test_each_service_is_confined_watched_and_bounded() -> None:
    for name, service in services().items():
        assert service["restart"], name
        assert service["deploy"]["resources"]["limits"].keys() == {"memory", "pids"}, name
        assert service["logging"]["options"]["max-size"], name
        assert name == "migrate" or "healthcheck" in service, name
    for name in OURS:
        service = services()[name]
        assert (service["read_only"], service["cap_drop"], service["init"]) == (True, ["ALL"], True)
        assert all("condition" in needed for needed in service["depends_on"].values())


def test_the_images_are_those_that_the_integration_tests_run_on() -> None:
    assert services()["postgres"]["image"] == POSTGRES_IMAGE
    assert services()["kafka"]["image"] == KAFKA_IMAGE


def test_no_registry_is_asked_for_what_is_here() -> None:
    asked = [(f.name, line) for f in FILES for line in ASKS_A_REGISTRY if line in f.read_text()]
    assert asked == []
