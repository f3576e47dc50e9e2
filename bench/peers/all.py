"""Everybody who is compared, Punctual first."""

from bench.peers import celery, db_scheduler, dramatiq, procrastinate, river
from bench.peers.peer import Peer
from bench.peers.punctual import Punctual


def everybody() -> list[Peer]:
    """In the order of the tables."""
    others = [river, db_scheduler, procrastinate, dramatiq, celery]
    return [Punctual(), *(peer for module in others for peer in module.peers())]
