"""How the raw rows of a scenario are shown."""

from bench.pages import Taken, scenario_part

MACHINE = {"cpu": "A", "cores": 2, "kernel": "6", "python": "3.11", "load_1min": 0.5}


def _taken(*rows: dict[str, object]) -> Taken:
    about = {"title": "Handlers", "says": "Of so many ms."}
    return Taken("python -m bench.x --jobs 5", MACHINE, rows, about, "2026-11-22T00:00+00:00")


def test_a_scenario_shows_its_command_and_a_column_for_each_key() -> None:
    lines = scenario_part(_taken({"a": 1, "b": 2.345}, {"a": 1_234_567, "c": 1_234.5})).splitlines()
    assert lines[0] == "### Handlers"
    assert any(line.startswith("`python -m bench.x --jobs 5`, 2026-11-22") for line in lines)
    assert lines[-4:] == [
        "| a | b | c |",
        "|---:|---:|---:|",
        "| 1 | 2.35 |  |",
        "| 1,234,567 |  | 1,234 |",
    ]
