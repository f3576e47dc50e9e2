"""The schema that a ready service asks for."""

from job_service.postgres.readiness import HEAD
from tests.support.source_files import ROOT

VERSIONS = ROOT / "job_service" / "postgres" / "migrations" / "versions"


def test_it_is_the_newest_that_there_is() -> None:
    assert max(file.name.split("_")[0] for file in VERSIONS.glob("0*.py")) == HEAD
