"""The classes that a broker has loaded, as the JVM can map them: with them it starts in a third of the time.

The JVM writes such an archive when the first broker ends in good order, into that broker's own directory;
from there it goes to the cache. It fits one Java and one set of jars, and the JVM ignores one that does not
fit, so each Java has an archive of its own name.
"""

import hashlib
import shutil
from pathlib import Path
from uuid import uuid4

from punctual.local.kafka_jars import jars_folder


def class_options(java: Path, home: Path) -> list[str]:
    """What to tell the `java` that runs a broker whose directory is `home`: where the archive is, or to make
    one.
    """
    archive = _archive(java)
    if archive.exists():
        return [f"-XX:SharedArchiveFile={archive}", "-Xshare:auto", "-Xlog:cds=off"]
    made = home / archive.name
    return [f"-XX:ArchiveClassesAtExit={made}", "-Xlog:cds=off", "-Xlog:cds+dynamic=off"]


def keep_classes(home: Path) -> None:
    """Take what a broker has left at its end, for all that come after it."""
    for made in home.glob("*.jsa"):
        archive = jars_folder().with_name(made.name)
        whole = archive.with_name(f".{made.name}-{uuid4().hex}")
        shutil.move(made, whole)
        whole.rename(archive)


def _archive(java: Path) -> Path:
    real = java.resolve()
    stamp = hashlib.sha256(f"{real} {real.stat().st_mtime_ns}".encode()).hexdigest()[:12]
    return jars_folder().with_name(f"{jars_folder().name}-{stamp}.jsa")
