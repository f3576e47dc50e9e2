"""Which broker a stack starts."""

from pathlib import Path

import pytest

from punctual.local import kafka_kind
from punctual.local.kafka_jars import jars_folder
from punctual.local.kafka_kind import choose_kafka_kind, why_not_apache
from punctual.local.mock_cluster import find_library
from punctual.local.plan import Plan
from punctual.local.plan_ports import plan_ports
from punctual.local.problems import MissingComponent, StackProblem

ONE_OF_EACH = {"job": 1, "scheduler": 1, "worker": 1}


@pytest.fixture
def no_java(monkeypatch: pytest.MonkeyPatch) -> None:
    def find() -> Path:
        raise MissingComponent("no Java")

    monkeypatch.setattr(kafka_kind, "find_java", find)


@pytest.fixture
def java_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(kafka_kind, "find_java", lambda: Path("java"))
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))


def test_without_java_it_is_the_embedded_one(no_java: None) -> None:
    assert choose_kafka_kind(None) == "embedded"


def test_without_maven_too_unless_the_jars_are_there_already(java_only: None) -> None:
    assert "Maven" in str(why_not_apache())
    assert choose_kafka_kind(None) == "embedded"
    jars_folder().mkdir(parents=True)
    assert choose_kafka_kind(None) == "apache"


def test_what_is_asked_for_is_never_replaced(no_java: None) -> None:
    assert choose_kafka_kind("apache") == "apache"
    assert choose_kafka_kind("embedded") == "embedded"
    with pytest.raises(StackProblem, match="write apache or embedded"):
        choose_kafka_kind("rabbit")


def test_without_the_wheel_what_apache_lacks_is_named_at_the_start(
    no_java: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert find_library() is not None
    monkeypatch.setattr(kafka_kind, "find_library", lambda: None)
    assert choose_kafka_kind(None) == "apache"


def test_a_broker_that_runs_stays_of_its_kind() -> None:
    first = plan_ports(None, ONE_OF_EACH, auto=True, kafka_kind="embedded")
    assert first.endpoints()["KAFKA_KIND"] == "embedded"
    again = plan_ports(first, ONE_OF_EACH, auto=True, kafka_kind="apache", running=["kafka"])
    assert again.kafka_kind == "embedded"
    assert plan_ports(again, ONE_OF_EACH, auto=True, kafka_kind="apache").kafka_kind == "apache"


def test_a_plan_written_before_there_was_a_choice_is_of_apache_kafka(tmp_path: Path) -> None:
    (tmp_path / "stack.json").write_text('{"database_url": "a", "kafka_bootstrap": "b"}')
    plan = Plan.load(tmp_path)
    assert plan is not None
    assert plan.kafka_kind == "apache"
