"""Metrics in Prometheus' form: what operations count by themselves, read when somebody scrapes.

An operation that counts keeps a `Counter` of its own and knows nothing of this; the composition root names it
here. Only histograms are written as things happen. Labels have few values each: states, roles, routes, job
types that are declared; never a job's id.
"""

import time
from collections import Counter as Tally
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from prometheus_client import (
    CollectorRegistry,
    ProcessCollector,
    disable_created_metrics,
    generate_latest,
)
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric

from shared.runtime.histogram import Histogram
from shared.runtime.legs import Legs
from shared.runtime.log import get
from shared.runtime.periodic import Periodic

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
PREFIX = "punctual_"

disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each, that nobody asks for

FAST = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
"""Upper bounds of a histogram's buckets, in seconds: for what should take milliseconds."""
SLOW = (0.01, 0.1, 0.5, 1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3_600.0, 14_400.0)
"""The same for what handlers take."""

Labels = tuple[str, ...]
Values = Mapping[Labels, float]
Read = Callable[[], Values]
Refresh = Callable[[], Awaitable[None]]
ASGI = Callable[..., Awaitable[None]]


class Metrics:
    """The metrics of one process."""

    def __init__(self, *, service: str, version: str, loops: Iterable[Periodic] = ()) -> None:
        self._registry = CollectorRegistry()
        self._readers: list[Callable[[], Iterator[Metric]]] = []
        self._refreshes: list[Refresh] = []
        self._loops = list(loops)
        self._build = {"service": service, "version": version}
        self._log = get(__name__)
        ProcessCollector(registry=self._registry)
        self._registry.register(self)
        self._requests = self.histogram(
            "http_request_seconds", "Requests answered, by route.", ("method", "route", "status")
        )

    def histogram(
        self, name: str, text: str, labels: Sequence[str] = (), *, buckets: Sequence[float] = FAST
    ) -> Histogram:
        """A histogram of seconds, to be observed as things happen."""
        histogram = Histogram(PREFIX + name, text, labels, buckets=buckets)
        self._readers.append(histogram.collect)
        return histogram

    def counter(self, name: str, text: str, labels: Sequence[str], read: Read) -> None:
        """A number that only rises; `name` is without `_total`."""
        self._readers.append(
            lambda: _family(CounterMetricFamily(PREFIX + name, text, labels=labels), read)
        )

    def tally(self, name: str, text: str, label: str, tally: Tally[str]) -> None:
        """A counter that an operation keeps."""
        self.counter(name, text, (label,), lambda: {(key,): n for key, n in tally.items()})

    def gauge(self, name: str, text: str, labels: Sequence[str], read: Read) -> None:
        """A number that rises and falls."""
        self._readers.append(
            lambda: _family(GaugeMetricFamily(PREFIX + name, text, labels=labels), read)
        )

    def legs(self, legs: Legs) -> None:
        """How long the legs of a job's way took, as far as this process sees them."""
        self._readers.append(legs.histogram.collect)

    def before(self, refresh: Refresh) -> None:
        """Run this before each scrape: it fetches what gauges read. Its failure leaves the rest as it is."""
        self._refreshes.append(refresh)

    def watch(self, loops: Iterable[Periodic]) -> None:
        """Tell of the rounds of these loops."""
        self._loops += loops

    def collect(self) -> Iterator[Metric]:
        """What Prometheus' client asks of a collector."""
        info = InfoMetricFamily(PREFIX + "build", "Which service this is.", value=self._build)
        yield info
        yield from self._of_loops()
        for reader in self._readers:
            yield from reader()

    async def render(self, *, refreshed: bool = True) -> bytes:
        """The page; with `refreshed` false what gauges read is what the scrape before has fetched."""
        for refresh in self._refreshes if refreshed else ():
            try:
                await refresh()
            except Exception as error:  # a page without some series is better than none
                self._log.warning("not refreshed for the scrape", error=repr(error)[:200])
        return generate_latest(self._registry)

    def timed(self, app: ASGI) -> ASGI:
        """The application with its requests observed. A path that no route fits is told as such, or any
        stranger could make series."""

        async def timed(scope: Any, receive: Any, send: Any) -> None:
            if scope["type"] != "http":
                await app(scope, receive, send)
                return
            status = "500"

            async def note(message: Any) -> None:
                nonlocal status
                if message["type"] == "http.response.start":
                    status = str(message["status"])
                await send(message)

            began = time.perf_counter()
            try:
                await app(scope, receive, note)
            finally:
                route = getattr(scope.get("route"), "path", "no route")
                method = scope["method"] if scope["method"] in _METHODS else "OTHER"
                spent = time.perf_counter() - began
                self._requests.observe(spent, method, route, status)

        return timed

    def _of_loops(self) -> Iterator[Metric]:
        label = ("loop",)
        runs = CounterMetricFamily(PREFIX + "loop_runs", "Rounds that ended well.", labels=label)
        failures = CounterMetricFamily(
            PREFIX + "loop_failures", "Rounds that failed.", labels=label
        )
        age = GaugeMetricFamily(
            PREFIX + "loop_age_seconds", "Since the last round that ended well.", labels=label
        )
        for loop in self._loops:
            runs.add_metric((loop.name,), loop.runs)
            failures.add_metric((loop.name,), loop.failures)
            seconds = loop.age_seconds()
            if seconds is not None:
                age.add_metric((loop.name,), seconds)
        yield from (runs, failures, age)


_METHODS = frozenset({"GET", "POST", "PATCH", "DELETE", "PUT", "HEAD", "OPTIONS"})


def _family(family: Any, read: Read) -> Iterator[Metric]:
    for labels, value in read().items():
        family.add_metric(labels, value)
    yield family
