"""What a session of job_service with PostgreSQL is set to."""

from tests.support.job_service import Service


async def test_a_session_whose_client_is_gone_without_a_word_ends_soon(service: Service) -> None:
    """It would keep its locks for as long as the server's own TCP waits, which is hours."""
    names = ["idle", "interval", "count"]
    idle, interval, count = [
        int(await service.stores.database.run(lambda raw, n=name: raw.fetchval(f"SHOW {n}")))  # type: ignore[misc]
        for name in [f"tcp_keepalives_{n}" for n in names]
    ]
    assert 0 < idle + interval * count <= 15
