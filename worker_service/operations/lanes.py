"""Where handlers run: an asyncio loop in a thread of its own, and a pool of threads for blocking
ones.

Never on the loop that talks to Kafka and job_service (DESIGN section 14).
"""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import uvloop

from shared.runtime.log import get
from worker_service.operations.mailbox import Mailbox
from worker_service.operations.run_handler import HandlerCalls, Run


class Lanes:
    """Opened once. A handler that does not end does not hold up the end of the process: `close`
    waits for nobody, and `__main__` leaves without joining threads.
    """

    def __init__(self, *, threads: int) -> None:
        self._loop = uvloop.new_event_loop()
        self._mail = Mailbox(self._loop)
        self._pool = ThreadPoolExecutor(max_workers=threads, thread_name_prefix="handler")
        self._thread = threading.Thread(target=self._run_loop, name="handlers", daemon=True)
        self._closing = False
        self._log = get(__name__)

    def open(self) -> None:
        """Start the handlers' loop."""
        self._thread.start()

    def submit(self, run: Run, calls: HandlerCalls) -> None:
        """Hand a run to the lane of its job type."""
        if run.job_type.lane == "async":
            self._mail.post(self._launch, run, calls)
        else:
            self._pool.submit(calls.in_thread, run)

    def interrupt(self, run: Run) -> None:
        """Deliver `run.stop`: an async handler is cancelled; a thread sees it at its next
        `check()`.
        """
        if run.job_type.lane == "async":
            self._mail.post(self._cancel, run)

    def close(self) -> None:
        """Take nothing more."""
        self._closing = True
        self._loop.call_soon_threadsafe(self._end_loop)
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _end_loop(self) -> None:
        for task in asyncio.all_tasks(self._loop):
            task.cancel()
        self._loop.call_soon(self._loop.stop)

    def _launch(self, run: Run, calls: HandlerCalls) -> None:
        run.task = self._loop.create_task(calls.in_loop(run))

    def _cancel(self, run: Run) -> None:
        # Before its first step a task would end without a word; there the last check sees `stop`
        # instead.
        if run.task is not None and run.started_at is not None:
            run.task.cancel()

    def _run_loop(self) -> None:
        asyncio.set_event_loop(self._loop)
        while not self._closing:
            try:
                self._loop.run_forever()
            except BaseException as error:
                # A task that a handler started on its own may end in SystemExit; the loop goes on.
                self._log.error("the handlers' loop was interrupted", error=repr(error)[:500])
