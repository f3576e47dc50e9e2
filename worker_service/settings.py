"""The worker's settings."""

from pydantic import Field

from shared.runtime.settings import (
    ForTests,
    HttpCall,
    JobServiceAddress,
    Kafka,
    LeaseTimes,
    Log,
    Secrets,
    ServiceSettings,
    Worker,
)


class WorkerSettings(ServiceSettings):
    """Everything that a worker process reads from its environment."""

    kafka: Kafka = Field(default_factory=Kafka)
    lease: LeaseTimes = Field(default_factory=LeaseTimes)
    job_service: JobServiceAddress = Field(default_factory=JobServiceAddress)
    worker: Worker = Field(default_factory=Worker)
    http_call: HttpCall = Field(default_factory=HttpCall)
    secrets: Secrets = Field(default_factory=Secrets)
    log: Log = Field(default_factory=Log)
    test: ForTests = Field(default_factory=ForTests)
