"""Settings by environment: `PUNCTUAL_<SECTION>__<NAME>`, typed, frozen, unknown names refused.

All sections stand here, although each service takes only those it needs, because every process must know
the names of all: a misspelt variable stops the start with the nearest known name (contract.md section 5).
"""

import difflib
import os
import re
from collections.abc import Mapping
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Self, TypeVar

from pydantic import (
    AliasChoices,
    AliasGenerator,
    BaseModel,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.runtime.durations import Duration

PREFIX = "PUNCTUAL_"
NOT_OURS = frozenset(
    {
        "PUNCTUAL_STATE_DIR",
        "PUNCTUAL_PORTS",
        "PUNCTUAL_PG_BIN",
        "PUNCTUAL_LOCAL_KAFKA",
        "PUNCTUAL_TEST_DATABASE_URL",
        "PUNCTUAL_TEST_KAFKA",
        "PUNCTUAL_URL",
        "PUNCTUAL_PROFILE",
    }
)
"""Read by the local stack, the command `punctual` and the tests only; a service ignores them."""
MAX_PORT = 65_535
_PORTS = re.compile("([0-9]{1,5})(-([0-9]{1,5}))?")


class SettingsProblem(Exception):
    """The environment cannot be used; the text says which variable and what to write instead."""


class Section(BaseModel):
    """One part of the settings. A duration may also be named `…_SECONDS`."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        populate_by_name=True,
        alias_generator=AliasGenerator(
            validation_alias=lambda name: AliasChoices(name, f"{name}_seconds")
        ),
    )


class Database(Section):
    """PostgreSQL, for job_service only. Of the `pool_size` connections public requests leave `reserved` to
    internal calls and duties; at most `public_waiters` of them wait for one, at most `public_wait` long."""

    url: str = "postgresql://punctual@127.0.0.1:5432/punctual"
    pool_size: int = Field(default=10, ge=2, le=200)
    reserved: int = Field(default=3, ge=1, le=199)
    public_waiters: int = Field(default=1_000, ge=0, le=100_000)
    public_wait: Duration = Field(default=5.0, le=60.0)
    statement_timeout: Duration = Field(default=5.0, gt=0)
    lock_timeout: Duration = Field(default=2.0, gt=0)
    idle_in_transaction_timeout: Duration = Field(default=10.0, gt=0)
    connect_timeout: Duration = Field(default=5.0, gt=0)


class Kafka(Section):
    """The broker and the names on it. Names are those of the reference contract."""

    bootstrap: str = "127.0.0.1:9092"
    request_topic: str = "job-execution-requests"
    event_topic: str = "job-events"
    group: str = "worker-group"
    topic_partitions: int = Field(default=12, ge=1, le=1_000)
    replication_factor: int = Field(default=1, ge=1, le=10)
    session_timeout: Duration = Field(default=6.0, gt=0)
    heartbeat_interval: Duration = Field(default=2.0, gt=0)
    metadata_max_age: Duration = Field(default=2.0, gt=0)
    request_timeout: Duration = Field(default=10.0, gt=0)
    stuck_after: Duration = Field(default=15.0, gt=0)


class LeaseTimes(Section):
    """How long sessions live by the database clock, and how long the reaper waits beyond."""

    ttl: Duration = Field(default=10.0, ge=1.0, le=600)
    scheduler_ttl: Duration = Field(default=5.0, ge=1.0, le=600)
    grace: Duration = Field(default=1.0, ge=0.0, le=60)

    @property
    def gap_seconds(self) -> float:
        """The pause between two ticks of the reaper after which renewals may have been impossible (R14): two
        seconds, or half of a shorter TTL, since a renewal may be a third of it old already; never under one,
        because the reaper ticks twice a second."""
        return max(1.0, min(2.0, min(self.ttl, self.scheduler_ttl) / 2))


class JobServiceAddress(Section):
    """Where job_service listens (`host`, `port`), in how many `processes`, and where others find it (`url`)."""

    host: str = "127.0.0.1"
    port: int = Field(default=8080, ge=0, le=65_535)
    processes: int = Field(default=1, ge=1, le=64)
    url: str = "http://127.0.0.1:8080"
    request_timeout: Duration = Field(default=5.0, gt=0)


class Limits(Section):
    """What one process of job_service takes at once. Requests beyond are refused at once with `overloaded`;
    internal calls have an allowance of their own. `body_bytes` bounds the bodies in memory of either kind;
    a body that has not arrived within `body_timeout` is given up."""

    public_requests: int = Field(default=2_000, ge=1, le=100_000)
    internal_requests: int = Field(default=1_000, ge=1, le=100_000)
    body_bytes: int = Field(default=67_108_864, ge=16_777_216, le=4_294_967_296)
    body_timeout: Duration = Field(default=30.0, le=600.0)


class Scheduler(Section):
    """The scheduler's own: what it claims ahead, and how long before its due time a job is published. That is
    half as long again as records take to be leased lately; `lead` at least, and else `lead_most` at most."""

    host: str = "127.0.0.1"
    port: int = Field(default=8081, ge=0, le=65_535)
    lead: Duration = Field(default=0.1, le=10.0)
    lead_most: Duration = Field(default=1.0, le=10.0)
    claim_limit: int = Field(default=500, ge=1, le=1_000)


class Worker(Section):
    """The worker's own. `slots` handlers run at once; `hold_slots` more may be held before their due time."""

    host: str = "127.0.0.1"
    port: int = Field(default=8082, ge=0, le=65_535)
    slots: int = Field(default=100, ge=1, le=100_000)
    hold_slots: int = Field(default=1_000, ge=0, le=100_000)
    handlers: str = ""
    drain: Duration = 30.0


class HttpCall(Section):
    """What calls to an address of a payload may reach: on global addresses and in `allow_networks` (CIDRs
    parted by commas) the ports of `allow_ports`. Loopback, private and metadata addresses are refused unless a
    network here holds them. `connect_timeout` is for the look-up of a name, and for each of its addresses;
    `head_bytes` and `answer_bytes` bound what is read of one answer, its headers and all of it."""

    allow_networks: str = ""
    allow_ports: str = "80,443,1024-65535"
    connect_timeout: Duration = Field(default=3.0, gt=0, le=60.0)
    head_bytes: int = Field(default=32_768, ge=1_024, le=65_536)
    answer_bytes: int = Field(default=1_048_576, ge=131_072, le=16_777_216)

    @field_validator("allow_networks")
    @classmethod
    def _are_networks(cls, text: str) -> str:
        _networks(text)
        return text

    @field_validator("allow_ports")
    @classmethod
    def _are_ports(cls, text: str) -> str:
        _ports(text)
        return text

    def networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        """`allow_networks`, read."""
        return _networks(self.allow_networks)

    def ports(self) -> tuple[range, ...]:
        """`allow_ports`, read."""
        return _ports(self.allow_ports)


class Secrets(Section):
    """Where a worker finds what `secret://name` in a payload of HTTP_CALL stands for: in the file `name` of
    `directory`, or in the environment variable that is `environment_prefix` and the name in upper case, with _
    for what is no letter or digit. Neither is looked at unless it is set."""

    directory: str = ""
    environment_prefix: str = Field(default="", pattern="^([A-Z][A-Z0-9_]*)?$", max_length=100)

    @field_validator("environment_prefix")
    @classmethod
    def _is_not_ours(cls, text: str) -> str:
        if text.startswith(PREFIX):
            raise ValueError(f"names that begin with {PREFIX} are settings; choose another prefix")
        return text


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    """Networks parted by commas; an address alone is a network of one.

    Raises:
        ValueError: one of them is none; the text says which.
    """
    return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())


def _ports(text: str) -> tuple[range, ...]:
    """Ports and ranges of ports (`1024-65535`), parted by commas.

    Raises:
        ValueError: one of them is none; the text says which.
    """
    return tuple(_port_range(part.strip()) for part in text.split(",") if part.strip())


def _port_range(part: str) -> range:
    ends = _PORTS.fullmatch(part)
    if ends is None:
        raise ValueError(f"{part!r} is no port; write 443, or a range like 1024-65535")
    ports = range(int(ends[1]), int(ends[3] or ends[1]) + 1)
    if not ports or ports[0] < 1 or ports[-1] > MAX_PORT:
        raise ValueError(f"{part!r} holds no ports; they go from 1 to {MAX_PORT}, smaller first")
    return ports


class Claim(Section):
    """How far ahead of their due time jobs are claimed, and how low priorities age: the share `aged_share` of
    what is claimed goes to the jobs that have waited longest, whatever their priority, if they have waited for
    `aged_after`."""

    lookahead: Duration = Field(default=2.0, le=60.0)
    aged_after: Duration = Field(default=60.0, le=86_400.0)
    aged_share: float = Field(default=0.1, ge=0.0, le=0.5)


class Poison(Section):
    """After how many losses as a suspect a job is quarantined, and when it becomes a suspect."""

    losses: int = Field(default=3, ge=1, le=100)
    suspect_after: int = Field(default=2, ge=1, le=100)


class Retry(Section):
    """Back-off of failed attempts: full jitter under `base` times 2 to the failures, at most `cap`."""

    base: Duration = 1.0
    cap: Duration = 300.0


class Reconcile(Section):
    """When a job that was claimed and never leased is armed again: `passed_after` its due time if the
    group has passed its record or the record is gone, `unplaced_after` if nobody said where its record
    is, `regardless_after` in any case (R21)."""

    passed_after: Duration = 10.0
    unplaced_after: Duration = 60.0
    regardless_after: Duration = 600.0


class BulkActions(Section):
    """What a bulk action takes on: `chunk` jobs in one transaction, at most `most_jobs` in all; at most
    `most_open` actions that have not ended. A job that somebody keeps locked is tried again each second,
    `locked_rounds` times."""

    chunk: int = Field(default=200, ge=1, le=1_000)
    most_jobs: int = Field(default=1_000_000, ge=1, le=10_000_000)
    most_open: int = Field(default=20, ge=1, le=1_000)
    locked_rounds: int = Field(default=60, ge=1, le=100_000)


class Retention(Section):
    """How long settled jobs with their history, bulk actions that have ended with their reports, and parked
    records, are kept."""

    jobs: Duration = 30 * 86_400.0
    bulk: Duration = 7 * 86_400.0
    parked: Duration = 7 * 86_400.0
    idempotency: Duration = 86_400.0
    parked_rows: int = Field(default=100_000, ge=1)


class Log(Section):
    """`level`: debug, info, warning, error. `format`: json or console."""

    level: str = Field(default="info", pattern="^(debug|info|warning|error)$")
    format: str = Field(default="json", pattern="^(json|console)$")


class ForTests(Section):
    """For tests of Punctual itself and for nothing else: the directory in which they switch `failpoints` on,
    which end processes and lose replies. A service that is given one and not the `mode` does not start."""

    mode: bool = False
    failpoints: str = ""

    @model_validator(mode="after")
    def _only_in_test_mode(self) -> Self:
        if self.failpoints and not self.mode:
            raise ValueError(
                "failpoints are refused outside test mode: unset PUNCTUAL_TEST__FAILPOINTS "
                "(a test sets PUNCTUAL_TEST__MODE=true as well)"
            )
        if self.failpoints and not Path(self.failpoints).is_dir():
            raise ValueError(f"PUNCTUAL_TEST__FAILPOINTS: there is no directory {self.failpoints}")
        return self


SECTIONS: Mapping[str, type[Section]] = {
    "database": Database,
    "kafka": Kafka,
    "lease": LeaseTimes,
    "job_service": JobServiceAddress,
    "limits": Limits,
    "scheduler": Scheduler,
    "worker": Worker,
    "http_call": HttpCall,
    "secrets": Secrets,
    "claim": Claim,
    "poison": Poison,
    "retry": Retry,
    "reconcile": Reconcile,
    "bulk": BulkActions,
    "retention": Retention,
    "log": Log,
    "test": ForTests,
}


class ServiceSettings(BaseSettings):
    """Base of each service's settings object."""

    model_config = SettingsConfigDict(
        env_prefix=PREFIX, env_nested_delimiter="__", frozen=True, extra="ignore"
    )


S = TypeVar("S", bound=ServiceSettings)


def known_names() -> list[str]:
    """Every variable that any process of Punctual reads."""
    names = set(NOT_OURS)
    for section, model in SECTIONS.items():
        for field, info in model.model_fields.items():
            name = f"{PREFIX}{section}__{field}".upper()
            names.add(name)
            if info.annotation is float:
                names.add(f"{name}_SECONDS")
    return sorted(names)


def refuse_unknown(environ: Mapping[str, str]) -> None:
    """Refuse variables that nobody reads.

    Raises:
        SettingsProblem: names the first unknown one and the nearest known one.
    """
    known = known_names()
    for name in sorted(environ):
        if name.startswith(PREFIX) and name.upper() not in known:
            nearest = difflib.get_close_matches(name.upper(), known, n=1, cutoff=0.0)
            raise SettingsProblem(
                f"{name} is not a setting of Punctual; did you mean {nearest[0]}?"
            )


def load(settings: type[S]) -> S:
    """Read a service's settings from the environment.

    Raises:
        SettingsProblem: a name is unknown or a value does not fit.
    """
    refuse_unknown(os.environ)
    try:
        return settings()
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        path = "__".join(str(part) for part in first["loc"]).upper()
        raise SettingsProblem(f"{PREFIX}{path}: {first['msg']}") from None
