"""The verbs on jobs. Their modules are small; HTTP is imported when a verb opens its connection."""

from cyclopts import App

from punctual.cli.jobs.change import abandon, cancel, delete, rerun, retry
from punctual.cli.jobs.create import create
from punctual.cli.jobs.read import get, history, list_jobs, log, why
from punctual.cli.jobs.watch import watch

app = App(name="job", help="Create, read and steer jobs.")
for verb in (create, get, watch, cancel, retry, history, log, why, abandon, rerun, delete):
    app.command(verb)
app.command(list_jobs, name="list")
