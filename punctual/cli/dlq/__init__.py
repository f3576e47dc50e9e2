"""The verbs on dead letters, on bulk actions over them, and on parked records."""

from cyclopts import App

from punctual.cli.dlq import parked
from punctual.cli.dlq.actions import actions, jobs, status, stop
from punctual.cli.dlq.bulk import abandon, retry
from punctual.cli.dlq.letters import export, list_letters, show

app = App(name="dlq", help="Dead letters: jobs that failed for good.")
app.command(list_letters, name="list")
for verb in (show, retry, abandon, export, actions, status, jobs, stop):
    app.command(verb)
app.command(parked.app)
