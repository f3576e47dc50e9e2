"""Which broker a stack starts: Apache Kafka where this machine can run it, else the embedded one."""

import shutil

from punctual.local.java import find_java
from punctual.local.kafka_jars import jars_folder
from punctual.local.mock_cluster import find_library
from punctual.local.problems import MissingComponent, StackProblem

VARIABLE = "PUNCTUAL_LOCAL_KAFKA"
APACHE, EMBEDDED = "apache", "embedded"
NOT_PROMISED = (
    "EMBEDDED BROKER, NOT FOR PRODUCTION: nothing in it survives its process, and of each topic"
    " partition only the newest 5 MiB are kept"
)
"""What a person must know who runs on it; docs/operations.md says what follows."""


def choose_kafka_kind(asked: str | None) -> str:
    """`apache` or `embedded`: the one that is asked for, else what is possible here.

    Raises:
        StackProblem: something else is asked for.
    """
    if asked:
        if asked not in (APACHE, EMBEDDED):
            raise StackProblem(f"{VARIABLE}={asked}: write {APACHE} or {EMBEDDED}, or unset it")
        return asked
    return EMBEDDED if why_not_apache() and find_library() is not None else APACHE


def why_not_apache() -> str | None:
    """What Apache Kafka lacks on this machine, with the command that brings it; None: nothing."""
    try:
        find_java()
    except MissingComponent as problem:
        return str(problem)
    if not jars_folder().is_dir() and shutil.which("mvn") is None:
        return "Kafka's jars are fetched once with Maven: apt-get install maven"
    return None
