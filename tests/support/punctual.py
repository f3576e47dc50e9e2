"""The command `punctual` as a person or a script runs it: a process of its own."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

PUNCTUAL = Path(sys.executable).parent / "punctual"
LIMIT_SECONDS = 60.0


class Punctual:
    """Runs the command with an environment that says nothing but what is given."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        kept = {k: v for k, v in os.environ.items() if not k.startswith("PUNCTUAL_")}
        self.environ = {**kept, "TZ": "Europe/Berlin", "HOME": "/nonexistent", **environ}

    def run(self, *words: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PUNCTUAL, *words],
            env=self.environ,
            capture_output=True,
            text=True,
            timeout=LIMIT_SECONDS,
            check=False,
            **options,
        )

    def start(self, *words: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [PUNCTUAL, *words], env=self.environ, stdout=subprocess.PIPE, text=True
        )

    def text(self, *words: str, code: int = 0) -> str:
        """What it prints for people."""
        done = self.run(*words)
        assert done.returncode == code, done
        return done.stdout

    def json(self, *words: str, code: int = 0, **options: Any) -> Any:
        """The document of `--json`, beside which nothing is said."""
        done = self.run(*words, "--json", **options)
        assert (done.returncode, done.stderr) == (code, ""), done
        return json.loads(done.stdout)

    def refused(self, *words: str, code: int = 2) -> str:
        """What it says on standard error, when it prints no answer."""
        done = self.run(*words)
        assert (done.returncode, done.stdout) == (code, ""), done
        assert "Traceback" not in done.stderr
        assert done.stderr.startswith("punctual: ")
        return done.stderr
