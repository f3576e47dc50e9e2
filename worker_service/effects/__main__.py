"""`python -m worker_service.effects` prints the SQL that makes the ledger's table, for `psql`."""

from importlib.resources import files


def ledger_sql() -> str:
    """The statements of ledger.sql; to run them again changes nothing."""
    return files("worker_service.effects").joinpath("ledger.sql").read_text()


if __name__ == "__main__":
    print(ledger_sql(), end="")
