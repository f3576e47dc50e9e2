"""Settings from the environment: what is misspelt or out of bounds stops the start, and says why."""

import os

import pytest
from pydantic import ValidationError

from job_service.settings import JobServiceSettings
from scheduler_service.settings import SchedulerSettings
from shared.runtime.settings import (
    NOT_OURS,
    PREFIX,
    SECTIONS,
    LeaseTimes,
    Section,
    ServiceSettings,
    SettingsProblem,
    known_names,
    load,
    refuse_unknown,
)
from worker_service.settings import WorkerSettings

SERVICES = [JobServiceSettings, SchedulerSettings, WorkerSettings]


@pytest.fixture(autouse=True)
def environ(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """The environment without any setting; `setenv` of it adds one."""
    for name in [name for name in os.environ if name.upper().startswith(PREFIX)]:
        monkeypatch.delenv(name)
    return monkeypatch


def problem(settings: type[ServiceSettings]) -> str:
    """Why they cannot be read."""
    with pytest.raises(SettingsProblem) as refused:
        load(settings)
    return str(refused.value)


@pytest.mark.parametrize("settings", SERVICES)
def test_an_empty_environment_is_enough(settings: type[ServiceSettings]) -> None:
    assert load(settings) == settings()


@pytest.mark.parametrize(("name", "section"), SECTIONS.items())
def test_defaults_keep_their_own_bounds(name: str, section: type[Section]) -> None:
    assert section.model_validate(section().model_dump()) == section()


@pytest.mark.parametrize("settings", SERVICES)
def test_a_service_takes_only_sections_that_all_know(settings: type[ServiceSettings]) -> None:
    """A name that is read by one process and unknown to `known_names` would be refused by all."""
    taken = {name: field.annotation for name, field in settings.model_fields.items()}
    assert taken == {name: SECTIONS[name] for name in taken}


@pytest.mark.parametrize(
    ("variable", "value", "meant"),
    [
        ("PUNCTUAL_LEASE__TTL", "15s", 15.0),
        ("PUNCTUAL_LEASE__TTL", "20", 20.0),
        ("PUNCTUAL_LEASE__TTL_SECONDS", "20", 20.0),
        ("PUNCTUAL_LEASE__TTL_SECONDS", "1500ms", 1.5),
        ("PUNCTUAL_lease__ttl", "7", 7.0),
        ("punctual_lease__ttl", "7", 7.0),
    ],
)
def test_a_duration_has_two_names(
    environ: pytest.MonkeyPatch, variable: str, value: str, meant: float
) -> None:
    environ.setenv(variable, value)
    assert load(WorkerSettings).lease.ttl == meant


def test_both_names_of_one_duration_are_refused(environ: pytest.MonkeyPatch) -> None:
    environ.setenv("PUNCTUAL_LEASE__TTL", "5")
    environ.setenv("PUNCTUAL_LEASE__TTL_SECONDS", "7")
    assert problem(WorkerSettings).startswith("PUNCTUAL_LEASE__TTL_SECONDS: ")


@pytest.mark.parametrize(
    ("variable", "nearest"),
    [
        ("PUNCTUAL_WORKER__SLOT", "PUNCTUAL_WORKER__SLOTS"),
        ("PUNCTUAL_WORKER_SLOTS", "PUNCTUAL_WORKER__SLOTS"),
        ("PUNCTUAL_LEASE__TTL_SECOND", "PUNCTUAL_LEASE__TTL_SECONDS"),
        ("PUNCTUAL_KAFKA__BOOTSTRAP_SERVERS", "PUNCTUAL_KAFKA__BOOTSTRAP"),
        ("PUNCTUAL_DATABASE_URL", "PUNCTUAL_DATABASE__URL"),
        ("PUNCTUAL_worker__slotz", "PUNCTUAL_WORKER__SLOTS"),
        ("PUNCTUAL_WORKER__SLOTS_SECONDS", "PUNCTUAL_WORKER__SLOTS"),
        ("PUNCTUAL_POISON__LOSSES__MOST", "PUNCTUAL_POISON__LOSSES"),
        ("PUNCTUAL_STATE", "PUNCTUAL_STATE_DIR"),
    ],
)
@pytest.mark.parametrize("settings", SERVICES)
def test_an_unknown_name_stops_every_service_with_the_nearest_known_one(
    environ: pytest.MonkeyPatch, settings: type[ServiceSettings], variable: str, nearest: str
) -> None:
    environ.setenv(variable, "1")
    expected = f"{variable} is not a setting of Punctual; did you mean {nearest}?"
    assert problem(settings) == expected


@pytest.mark.parametrize("variable", ["PUNCTUAL_WORKER", "PUNCTUAL_", "PUNCTUAL_NOTHING__LIKE_IT"])
def test_however_far_off_a_name_is_it_is_refused(variable: str) -> None:
    with pytest.raises(SettingsProblem, match=f"^{variable} is not a setting of Punctual"):
        refuse_unknown({variable: '{"slots": 1}'})


def test_the_first_of_several_is_named() -> None:
    with pytest.raises(SettingsProblem, match=r"^PUNCTUAL_A is not"):
        refuse_unknown({"PUNCTUAL_B": "1", "PUNCTUAL_A": "1"})


def test_every_name_of_every_service_is_known_to_all() -> None:
    refuse_unknown(dict.fromkeys(known_names(), "anything"))
    named = set(known_names())
    assert named >= NOT_OURS
    for section, model in SECTIONS.items():
        for field in model.model_fields:
            assert f"PUNCTUAL_{section}__{field}".upper() in named


def test_names_of_others_are_none_of_our_business() -> None:
    refuse_unknown({"PATH": "/bin", "PUNCTUALITY": "1", "MY_PUNCTUAL_WORKER": "1"})


@pytest.mark.parametrize(
    ("settings", "variable", "value", "text"),
    [
        (WorkerSettings, "WORKER__SLOTS", "0", "greater than or equal to 1"),
        (WorkerSettings, "WORKER__SLOTS", "100001", "less than or equal to 100000"),
        (WorkerSettings, "WORKER__SLOTS", "many", "valid integer"),
        (WorkerSettings, "WORKER__SLOTS", "", "valid integer"),
        (WorkerSettings, "WORKER__PORT", "65536", "less than or equal to 65535"),
        (WorkerSettings, "WORKER__HOLD_SLOTS", "-1", "greater than or equal to 0"),
        (WorkerSettings, "LEASE__TTL", "999ms", "greater than or equal to 1"),
        (WorkerSettings, "LEASE__TTL", "601", "less than or equal to 600"),
        (WorkerSettings, "LEASE__TTL", "-5s", "'-5s' is no duration; write 15s, 250ms"),
        (WorkerSettings, "LEASE__TTL_SECONDS", "soon", "'soon' is no duration; write 15s, 250ms"),
        (WorkerSettings, "LOG__LEVEL", "loud", "debug|info|warning|error"),
        (SchedulerSettings, "SCHEDULER__LEAD", "11s", "less than or equal to 10"),
        (SchedulerSettings, "SCHEDULER__CLAIM_LIMIT", "1001", "less than or equal to 1000"),
        (SchedulerSettings, "KAFKA__TOPIC_PARTITIONS", "0", "greater than or equal to 1"),
        (JobServiceSettings, "DATABASE__POOL_SIZE", "1", "greater than or equal to 2"),
        (JobServiceSettings, "CLAIM__LOOKAHEAD", "2m", "less than or equal to 60"),
        (JobServiceSettings, "POISON__LOSSES", "0", "greater than or equal to 1"),
    ],
)
def test_a_value_out_of_bounds_names_its_variable(
    environ: pytest.MonkeyPatch,
    settings: type[ServiceSettings],
    variable: str,
    value: str,
    text: str,
) -> None:
    environ.setenv(f"PUNCTUAL_{variable}", value)
    told = problem(settings)
    assert told.startswith(f"PUNCTUAL_{variable}: ")
    assert text in told


@pytest.mark.parametrize(
    ("variable", "values"),
    [
        ("WORKER__SLOTS", ("1", "100000")),
        ("WORKER__HOLD_SLOTS", ("0", "100000")),
        ("WORKER__PORT", ("0", "65535")),
        ("LEASE__TTL", ("1s", "10m")),
        ("LEASE__GRACE", ("0", "1m")),
    ],
)
def test_bounds_belong_to_what_is_allowed(
    environ: pytest.MonkeyPatch, variable: str, values: tuple[str, str]
) -> None:
    for value in values:
        environ.setenv(f"PUNCTUAL_{variable}", value)
        load(WorkerSettings)


def test_a_value_of_another_service_is_not_looked_at(environ: pytest.MonkeyPatch) -> None:
    """One environment may serve all processes; each judges what it reads."""
    environ.setenv("PUNCTUAL_DATABASE__POOL_SIZE", "none of a worker's business")
    assert load(WorkerSettings) == WorkerSettings()


def test_settings_do_not_change() -> None:
    settings = load(WorkerSettings)
    with pytest.raises(ValidationError, match="frozen"):
        settings.worker.slots = 5  # type: ignore[misc]
    with pytest.raises(ValidationError, match="frozen"):
        settings.worker = settings.worker  # type: ignore[misc]


@pytest.mark.parametrize(
    ("ttl", "scheduler_ttl", "gap"),
    [(10.0, 5.0, 2.0), (10.0, 3.0, 1.5), (2.0, 2.0, 1.0), (1.0, 1.0, 1.0), (600.0, 600.0, 2.0)],
)
def test_the_gap_that_brings_an_amnesty_is_shorter_than_what_a_short_session_has_left(
    ttl: float, scheduler_ttl: float, gap: float
) -> None:
    """R14: a session renewed a third of its TTL before an outage lives to the first tick after it."""
    assert LeaseTimes(ttl=ttl, scheduler_ttl=scheduler_ttl).gap_seconds == gap
