"""Apache Kafka's jars: fetched once with Maven, then kept in the user's cache for every checkout.

Several stacks may want them at the same moment (tests on many cores), so one of them fetches under
a lock and the folder gets its name only when it is whole.
"""

import fcntl
import os
import shutil
import tempfile
import threading
from pathlib import Path

from punctual.local.problems import MissingComponent, StackProblem
from punctual.local.processes import log_tail, run_to_end

KAFKA_VERSION = "4.4.0"
FETCH_LIMIT_SECONDS = 210
_POM = Path(__file__).with_name("kafka_pom.xml")


def cache_dir() -> Path:
    """Where downloads of Punctual are kept."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "punctual"


def jars_folder() -> Path:
    """Where the jars lie once they are fetched."""
    return cache_dir() / f"kafka-{KAFKA_VERSION}"


def kafka_jars(log_file: Path, give_up: threading.Event | None = None) -> Path:
    """The folder with Kafka's jars, fetched first if need be; Maven's words go to `log_file`.

    Raises:
        MissingComponent: they are not here and Maven is not either.
        StackProblem: Maven could not fetch them.
    """
    folder = jars_folder()
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / f"kafka-{KAFKA_VERSION}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.is_dir():
            _fetch(folder, log_file, give_up)
    return folder


def _fetch(folder: Path, log_file: Path, give_up: threading.Event | None) -> None:
    maven = shutil.which("mvn")
    if maven is None:
        raise MissingComponent("Kafka's jars are fetched once with Maven: apt-get install maven")
    fresh = Path(tempfile.mkdtemp(prefix=".kafka-", dir=folder.parent))
    goal = ["dependency:copy-dependencies", "-DincludeScope=runtime", f"-DoutputDirectory={fresh}"]
    try:
        code = run_to_end(
            [maven, "-q", "-B", "-f", str(_POM), *goal],
            env=os.environ,
            cwd=folder.parent,
            log_file=log_file,
            limit_seconds=FETCH_LIMIT_SECONDS,
            give_up=give_up,
        )
        if code != 0 or not list(fresh.glob("kafka_*.jar")):
            raise StackProblem(
                f"Maven could not fetch Kafka's jars (exit code {code})\n{log_tail(log_file)}"
            )
        fresh.chmod(0o755)
        fresh.rename(folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
