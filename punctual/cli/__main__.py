"""`python -m punctual.cli`, and what `.venv/bin/punctual` runs."""

import os
import sys
from collections.abc import Sequence

from cyclopts import CycloptsError

from punctual.cli.app import app
from punctual.cli.problems import COULD_NOT, DONE, INTERRUPTED, BadInput, CliProblem
from punctual.cli.show import to_standard_streams
from punctual.cli.values import arguments_in_utf8


class Bug(CliProblem):
    """The command itself is wrong, or the server is of another version."""

    slug = "bug"


def main(arguments: Sequence[str] | None = None) -> int:
    """Do what the command line says; the exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    options = words[: words.index("--")] if "--" in words else words
    show = to_standard_streams(as_json="--json" in options)
    app.help_formatter = "default" if sys.stdout.isatty() else "plain"
    try:
        code = app(
            arguments_in_utf8(words),
            exit_on_error=False,
            print_error=False,
            verbose=False,
            result_action="return_value",
        )
    except CycloptsError as error:
        verb = " ".join(["punctual", *(error.command_chain or ())])
        show.problem(BadInput(f"{error} See {verb} --help."))
        return COULD_NOT
    except CliProblem as problem:
        show.problem(problem)
        return problem.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever read this has seen enough. Python would complain when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return COULD_NOT
    except Exception as error:
        if sys.flags.dev_mode:
            raise
        show.problem(
            Bug(
                f"unexpected: {error!r}. Compare punctual --version with /version of the server, or report"
                " it with what python -X dev -m punctual.cli prints."
            )
        )
        return COULD_NOT
    return code if isinstance(code, int) else DONE


if __name__ == "__main__":
    sys.exit(main())
