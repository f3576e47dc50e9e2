"""Follow a bulk action to its end."""

import time
from collections.abc import Callable
from typing import Any

from punctual.cli.client import Client
from punctual.cli.progress import Progress
from punctual.cli.show import Show

LOOK_EVERY_SECONDS = 0.2


def follow(
    client: Client,
    action: dict[str, Any],
    show: Show,
    sleep: Callable[[float], None] = time.sleep,
) -> dict[str, Any]:
    """Look again and again; the action when it has ended."""
    path = f"/api/v1/bulk-actions/{action['bulkActionId']}"
    with Progress(show) as bar:
        while True:
            _tell(bar, action)
            if action["finishedAt"] is not None:
                return action
            sleep(LOOK_EVERY_SECONDS)
            action = client.get(path)


def _tell(bar: Progress, action: dict[str, Any]) -> None:
    """While it matches nobody knows how many there will be."""
    total = None if action["state"] == "matching" else action["matched"]
    finds_only = action["dryRun"] or action["action"] == "export"
    done = action["matched"] if finds_only else action["matched"] - action["left"]
    bar.tell(action["action"], 0 if total is None else done, total, note=action["state"])
