"""What is built once and kept in the user's cache, under a name that changes with what it is made of."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path

from bench.peers.peer import Missing
from punctual.local.kafka_jars import cache_dir

BUILD_LIMIT_SECONDS = 240.0
PROGRAMS = Path(__file__).parent / "programs"


def built(name: str, sources: Sequence[Path], build: Callable[[Path], None]) -> Path:
    """The folder that `build` filled, now or at an earlier time, from the same sources.

    Raises:
        Missing: it could not be built.
    """
    made_of = hashlib.sha256(b"\0".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    folder = cache_dir() / f"bench-{name}-{made_of}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"bench-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        whole = folder / ".whole"
        if not whole.exists():
            # In its final place: a virtualenv cannot be moved.
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            build(folder)
            whole.touch()
    return folder


def call(words: Sequence[object], *, cwd: Path) -> str:
    """Run a tool to its end; what it printed.

    Raises:
        Missing: it is not here, or it failed.
    """
    tool = str(words[0])
    if shutil.which(tool) is None:
        raise Missing(f"{tool} is not on this machine")
    with tempfile.TemporaryFile("w+") as errors:
        try:
            done = subprocess.run(
                [str(word) for word in words],
                cwd=cwd,
                env=os.environ,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                timeout=BUILD_LIMIT_SECONDS,
                text=True,
            )
        except subprocess.TimeoutExpired:
            raise Missing(f"{tool} did not end within {BUILD_LIMIT_SECONDS:.0f} s") from None
        errors.seek(0)
        said = (errors.read().strip() or done.stdout.strip()).splitlines()
    if done.returncode:
        raise Missing(f"{tool} failed: {said[-1] if said else done.returncode}")
    return done.stdout
