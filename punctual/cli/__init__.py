"""The command `punctual`: Punctual from a terminal or a script, over the public REST API only.

What belongs together stands together:

- `values.py`: what a person writes (times, durations, labels, payloads), read.
- `where.py`: which server is meant: flag, environment, profile, checkout.
- `client.py`: the requests, tried again where that is safe; `problems.py`: what may go wrong.
- `show.py`: the only place that writes an answer, as a table for people or as one JSON document.
- `jobs/`, `nodes.py`, `job_types.py`: the verbs, one file for each group or part of one.

A new verb
1. Write a function in the file of its group (a new group is a new file with an `App`). Its docstring is the
   help, in lines of at most 78 characters. It takes `to: Connection` as its last parameter, hands its answer to
   `to.show(...)` once, returns `DONE` or `NO`, and raises a `CliProblem` for the rest.
2. Register it with its group's `App`; register a new group in `app.py`, by its import path: a group is imported
   when one of its verbs is asked for, and what is slow (HTTP, tables) when it is used.
3. `python -m tests.support.cli_docs --write` puts it into `docs/cli.md`.
"""
