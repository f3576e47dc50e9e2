"""Registering a node, once and again."""

from job_service.postgres.database import Raw
from shared.contracts.nodes import RegisterNode
from shared.contracts.states import NodeRole
from shared.kernel.ids import new_id
from tests.support.job_service import Service

LEFT = "SELECT extract(epoch FROM expires_at - clock_timestamp())::float8 FROM nodes WHERE id = $1"


async def _left(raw: Raw, node: RegisterNode) -> float:
    seconds: float = await raw.fetchval(LEFT, node.node)
    return seconds


async def test_a_registration_that_is_repeated_counts_the_session_anew(service: Service) -> None:
    """R5: its first reply was lost; the node counts its TTL from the repeat, so the database must not count
    from the first, or the node would start attempts that were taken back."""
    node = RegisterNode(node=new_id(), role=NodeRole.SCHEDULER, address="test", version="1")
    first = await service.operations.sessions.register(node)
    await service.raw.execute(
        "UPDATE nodes SET expires_at = clock_timestamp() + interval '2 seconds' WHERE id = $1",
        node.node,
    )
    again = await service.operations.sessions.register(node)
    assert (first.live, again.live) == (True, True)
    assert await _left(service.raw, node) > again.ttl_seconds - 1


async def test_a_registration_revives_no_dead_node(service: Service) -> None:
    """R4: once dead it stays dead, with the end it had."""
    node = RegisterNode(node=new_id(), role=NodeRole.SCHEDULER, address="test", version="1")
    await service.operations.sessions.register(node)
    await service.kill(node.node)
    assert not (await service.operations.sessions.register(node)).live
    assert not await service.is_live(node.node)
    assert await _left(service.raw, node) < 0
