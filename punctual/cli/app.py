"""The verbs by name. A group is named by its import path, and imported when one of its verbs is asked for."""

from importlib.metadata import version

from cyclopts import App, Parameter

NO_NEGATIVES = Parameter(negative=())
"""`--json` has no `--no-json`."""

app = App(
    name="punctual",
    help="Create, watch and steer jobs of Punctual.",
    help_epilogue=(
        "Exit codes: 0 done; 1 the answer is no (the job did not succeed, its state refuses the verb,"
        " a promise is broken); 2 could not do it (bad input, no answer, waited in vain)."
    ),
    help_format="plaintext",
    version=lambda: f"punctual {version('punctual')}",
    default_parameter=NO_NEGATIVES,
)
app.command("punctual.cli.jobs:app", name="job", help="Create, read and steer jobs.")
app.command(
    "punctual.cli.dlq:app", name="dlq", help="Dead letters, bulk actions over them, parked records."
)
app.command("punctual.cli.nodes:app", name="node", help="Schedulers and workers.")
app.command("punctual.cli.workers:app", name="worker", help="Workers: list them, let one drain.")
app.command("punctual.cli.job_types:app", name="type", help="Job types: what workers can run.")
app.command(
    "punctual.audit.command:audit",
    name="audit",
    help="""Re-compute the promises from what the database holds.

Reads one snapshot, read only, and changes nothing; a replica will do.
Names each job of which a promise is broken, with the rows that break it,
and says what data alone cannot tell (docs/audit.md).
""",
)
