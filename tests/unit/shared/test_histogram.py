"""Our histogram says what Prometheus' own says of the same observations."""

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry
from prometheus_client import Histogram as Theirs
from prometheus_client.metrics_core import Metric

from shared.runtime.histogram import Histogram
from shared.runtime.metrics import FAST

observed = st.lists(
    st.tuples(
        st.sampled_from(["A", "B"]), st.floats(-1, 100) | st.sampled_from([*FAST, 0.0, -0.001])
    )
)


def _samples(metric: Metric) -> dict[tuple[str, frozenset[tuple[str, str]]], float]:
    return {
        (sample.name, frozenset(sample.labels.items())): sample.value
        for sample in metric.samples
        if not sample.name.endswith("_created")
    }


@given(observed)
def test_it_says_what_theirs_says(observations: list[tuple[str, float]]) -> None:
    ours = Histogram("punctual_x", "Text.", ["job_type"], buckets=FAST)
    theirs = Theirs("punctual_x", "Text.", ["job_type"], buckets=FAST, registry=CollectorRegistry())
    for job_type, seconds in observations:
        ours.observe(seconds, job_type)
        theirs.labels(job_type).observe(seconds)
    (told,), (expected,) = ours.collect(), theirs.collect()
    assert (told.name, told.type, told.documentation) == (
        expected.name,
        expected.type,
        expected.documentation,
    )
    assert _samples(told) == _samples(expected)
