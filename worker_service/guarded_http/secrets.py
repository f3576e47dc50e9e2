"""What `secret://name` stands for. Looked up when a call is about to be made, and kept nowhere.

A secret is a file, as Docker and Kubernetes mount them, or a variable of the environment. Beside the file
`name` there may be a file `name.hosts`: then the secret is sent to these hosts only, whoever wrote the payload.
"""

import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path

MAX_SECRET_BYTES = 8_192
MIN_SECRET_CHARS = 8
"""A shorter one could not be blacked out without blacking out other text too."""
MAX_HOSTS_BYTES = 65_536
HOSTS = ".hosts"
SECRET_NAME = "[A-Za-z0-9](?:[A-Za-z0-9._-]{0,98}[A-Za-z0-9])?"  # noqa: S105 - a pattern
_NAME = re.compile(SECRET_NAME)


class SecretProblem(Exception):
    """A secret cannot be had, or not for this host; the text names it and says what to do. `lasting`: the
    payload is at fault, so another try does not help."""

    def __init__(self, message: str, *, lasting: bool = False) -> None:
        super().__init__(message)
        self.lasting = lasting


class Secrets:
    """Secrets by name: first of `directory`, then of the environment. None and "" are not looked at."""

    def __init__(
        self,
        directory: Path | None = None,
        environment_prefix: str = "",
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._directory = directory
        self._prefix = environment_prefix
        self._environ = environ

    def read(self, name: str, host: str) -> str:
        """The secret `name`, to be sent to `host`: 8 characters to 8 KiB, one line end at its end left out.
        Reads a file; so not on an event loop.

        Raises:
            SecretProblem: there is none, it cannot be used, or it is not for this host.
        """
        if not _NAME.fullmatch(name) or name.endswith(HOSTS):
            raise SecretProblem(f"secret://{name} is no name of a secret", lasting=True)
        value = self._from_file(name, host)
        if value is None:
            value = self._from_environment(name)
        if value is None:
            raise SecretProblem(
                f"secret://{name} is not known to this worker; {self._advice(name)}"
            )
        if len(value) < MIN_SECRET_CHARS or "\0" in value:
            raise SecretProblem(
                f"secret://{name} cannot be used: a secret has at least {MIN_SECRET_CHARS} characters, "
                "none of them NUL"
            )
        return value

    def _from_file(self, name: str, host: str) -> str | None:
        if self._directory is None:
            return None
        value = self._text(name, name, MAX_SECRET_BYTES)
        if value is None:
            return None
        hosts = self._text(name, name + HOSTS, MAX_HOSTS_BYTES)
        if hosts is not None and not any(_fits(host, line) for line in hosts.split()):
            raise SecretProblem(
                f"secret://{name} is not for {host}; its file {name}{HOSTS} names the hosts that may get it",
                lasting=True,
            )
        return value

    def _text(self, name: str, file: str, limit: int) -> str | None:
        """The text of a file of the directory; None if there is no such file."""
        assert self._directory is not None
        try:
            data = _read(self._directory / file, limit + 1)
            text = data.decode()
        except FileNotFoundError:
            return None
        except (OSError, UnicodeError) as error:
            raise SecretProblem(
                f"secret://{name} cannot be read by this worker ({type(error).__name__}); "
                f"its file {file} must be a text that the worker may read"
            ) from None
        if len(data) > limit:
            raise SecretProblem(
                f"secret://{name} cannot be used: {file} has more than {limit} bytes"
            )
        return text.removesuffix("\n").removesuffix("\r")

    def _from_environment(self, name: str) -> str | None:
        if not self._prefix:
            return None
        value = self._environ.get(self._variable(name))
        if value is not None and len(value.encode()) > MAX_SECRET_BYTES:
            raise SecretProblem(
                f"secret://{name} cannot be used: it has more than {MAX_SECRET_BYTES} bytes"
            )
        return value

    def _variable(self, name: str) -> str:
        return self._prefix + re.sub("[^A-Z0-9]", "_", name.upper())

    def _advice(self, name: str) -> str:
        ways = []
        if self._directory is not None:
            ways.append(f"put it into the file {name} of PUNCTUAL_SECRETS__DIRECTORY")
        if self._prefix:
            ways.append(f"set the variable {self._variable(name)} of the worker")
        return " or ".join(ways) or "set PUNCTUAL_SECRETS__DIRECTORY to the directory that holds it"


def _read(path: Path, most: int) -> bytes:
    """The beginning of a plain file; of a pipe or a device nothing, and nobody waits for one.

    Raises:
        OSError: there is none, or it cannot be read.
    """
    with open(os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("not a plain file")
        return file.read(most)


def _fits(host: str, line: str) -> bool:
    """`*.example.com` is for every name below example.com, and not for that name itself."""
    host, line = host.lower().removesuffix("."), line.lower()
    return host.endswith(line[1:]) if line.startswith("*.") else host == line
