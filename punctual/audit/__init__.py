"""The verb `punctual audit`: re-computes the promises of Punctual from what a deployment's database holds.

It shares no code with the services: what a history may be is written down here a second time, from DESIGN
section 3, so that one mistake cannot hide in both.

- `edges.py`: which state may follow which, for which reasons, by whom.
- `life.py`: the fold over one job's history: grants, counters, what does not fit.
- `story.py`: everything the database says of one job; `merge.py` puts stories together out of ordered streams.
- `snapshot.py`: the only file that knows SQL and the driver. One read-only snapshot, read with cursors.
- `rules/`: one file for each promise; `findings.py` keeps what they find; `judge.py` runs them.
- `report.py`, `progress.py`: what a person or a script sees; `where.py`, `command.py`: the verb.
"""
