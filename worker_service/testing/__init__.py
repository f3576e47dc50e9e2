"""What the tests of a handler need: `run_job`, `every_crash`, an `EffectLedger`, a `Clock`, a context.

A pytest plugin with fixtures of them comes along (`worker_service/pytest_plugin.py`).
"""

from worker_service.testing.clock import Clock as Clock
from worker_service.testing.context import LogEntry as LogEntry
from worker_service.testing.context import RecordedLog as RecordedLog
from worker_service.testing.context import make_context as make_context
from worker_service.testing.crash_loop import Stuck as Stuck
from worker_service.testing.effect_ledger import EffectLedger as EffectLedger
from worker_service.testing.memory_connection import Applied as Applied
from worker_service.testing.memory_connection import Statement as Statement
from worker_service.testing.run_job import AttemptRun as AttemptRun
from worker_service.testing.run_job import JobRun as JobRun
from worker_service.testing.run_job import every_crash as every_crash
from worker_service.testing.run_job import run_job as run_job
