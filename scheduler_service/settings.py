"""The settings of this service. The sections are described in shared/runtime/settings.py."""

from shared.runtime.settings import (
    ForTests,
    JobServiceAddress,
    Kafka,
    LeaseTimes,
    Log,
    Scheduler,
    ServiceSettings,
)


class SchedulerSettings(ServiceSettings):
    """What a scheduler process reads from the environment."""

    kafka: Kafka = Kafka()
    lease: LeaseTimes = LeaseTimes()
    job_service: JobServiceAddress = JobServiceAddress()
    scheduler: Scheduler = Scheduler()
    log: Log = Log()
    test: ForTests = ForTests()
