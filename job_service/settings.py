"""The settings of job_service."""

from shared.runtime.settings import (
    BulkActions,
    Claim,
    Database,
    ForTests,
    JobServiceAddress,
    LeaseTimes,
    Limits,
    Log,
    Poison,
    Reconcile,
    Retention,
    Retry,
    ServiceSettings,
)


class JobServiceSettings(ServiceSettings):
    """Everything that job_service reads from the environment."""

    database: Database = Database()
    lease: LeaseTimes = LeaseTimes()
    job_service: JobServiceAddress = JobServiceAddress()
    limits: Limits = Limits()
    claim: Claim = Claim()
    poison: Poison = Poison()
    retry: Retry = Retry()
    reconcile: Reconcile = Reconcile()
    bulk: BulkActions = BulkActions()
    retention: Retention = Retention()
    log: Log = Log()
    test: ForTests = ForTests()
