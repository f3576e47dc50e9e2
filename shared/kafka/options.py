"""Explicit options for everything that aiokafka defaults badly for us (DESIGN section 6).

Not used, and why: static membership (no fencing in aiokafka), transactions (the lease decides), automatic
commits (they commit past undecided records).
"""

from typing import Any

from shared.runtime.settings import Kafka

MAX_BATCH_BYTES = 512 * 1024
ADMIN_METADATA_MS = 300_000
FETCH_WAIT_MS = 1_000
"""What an empty fetch waits for; the broker answers at once when a record comes."""
MAX_RECORD_FETCH_BYTES = 1024 * 1024


def _common(settings: Kafka) -> dict[str, Any]:
    return {
        "bootstrap_servers": settings.bootstrap,
        "request_timeout_ms": int(settings.request_timeout * 1000),
        "metadata_max_age_ms": int(settings.metadata_max_age * 1000),
        "retry_backoff_ms": 100,
    }


def producer_options(settings: Kafka) -> dict[str, Any]:
    """Idempotent, acknowledged by all replicas, no linger: batches are made by hand."""
    return {
        **_common(settings),
        "acks": "all",
        "enable_idempotence": True,
        "linger_ms": 0,
        "max_batch_size": MAX_BATCH_BYTES,
        "max_request_size": 2 * MAX_BATCH_BYTES,
        "compression_type": None,
    }


def consumer_options(settings: Kafka) -> dict[str, Any]:
    """In the worker group, from the earliest record, committing only by hand."""
    return {
        **_common(settings),
        "group_id": settings.group,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "session_timeout_ms": int(settings.session_timeout * 1000),
        "heartbeat_interval_ms": int(settings.heartbeat_interval * 1000),
        "max_poll_interval_ms": 300_000,
        "rebalance_timeout_ms": 10_000,
        "fetch_max_wait_ms": FETCH_WAIT_MS,
        "fetch_min_bytes": 1,
        "max_partition_fetch_bytes": MAX_RECORD_FETCH_BYTES,
        "check_crcs": True,
    }


def admin_options(settings: Kafka) -> dict[str, Any]:
    """For looking after topics: it asks for what it needs, so what it knows of the cluster may be old."""
    return {**_common(settings), "metadata_max_age_ms": ADMIN_METADATA_MS}
