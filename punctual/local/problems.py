"""Why the local stack could not do it. Each text is one line and says what to do.

StackProblem
 +- MissingComponent   a program is not on this machine; the text has the command that brings it
 +- StartFailed        a process ended, or was not ready in time; the text ends with the tail of its
 log
"""


class StackProblem(Exception):
    """The local stack cannot do what was asked."""


class MissingComponent(StackProblem):
    """A program that is needed is not on this machine."""


class StartFailed(StackProblem):
    """A process did not come up."""
