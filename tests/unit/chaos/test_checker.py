"""The checker of the chaos harness: silent over healthy records, and each rule speaks when its promise is
broken."""

import ast
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.chaos.checker import records as reading
from tests.chaos.checker.verdict import RULES, judge
from tests.support.healthy_records import Line, T, find, healthy

CHECKER = Path(reading.__file__).parent
Spoil = Callable[[list[Line]], object]

NEXT = {"from_status": "SUCCESS", "to_status": "SCHEDULED", "version": 5, "reason": "retried"}


def _edit(sort: str, named: Line, **values: object) -> Spoil:
    """Change values of one line."""
    return lambda lines: find(lines, sort, **named).update(values)


def _drop(what: str, **named: object) -> Spoil:
    """Take one line away."""
    return lambda lines: lines.remove(find(lines, what, **named))


def _again(what: str, named: Line, **values: object) -> Spoil:
    """Add a line like another one."""
    return lambda lines: lines.append({**find(lines, what, **named), **values})


A, B, C, E = ({"job_id": job} for job in "abce")
A1, B1, B2 = ({"job": j, "attempt": n} for j, n in (("a", 1), ("b", 1), ("b", 2)))

BROKEN: list[tuple[str, str, Spoil]] = [
    ("I1", "an acknowledged job is gone", _drop("jobs", id="a")),
    ("I1", "a refused create made a job", _edit("ok", {"op": 1}, what="fail", status=422)),
    ("I1", "a job that nobody asked for", _again("jobs", {"id": "c"}, id="x", name="key-x")),
    ("I1", "a known job is answered 404", _edit("ok", {"op": 5}, what="fail", status=404)),
    ("I2", "a job does not end", _edit("jobs", {"id": "b"}, status="RUNNING")),
    ("I2", "a job waits for a try that never comes", _edit("jobs", {"id": "c"}, status="CREATED")),
    ("I3", "late and no fault near", _edit("executions", {**B, "attempt": 1}, started_at=T + 90)),
    ("I5", "granted while it is held", _edit("job_history", {**B, "version": 3}, reason="changed")),
    ("I5", "the same attempt again", _edit("job_history", {**B, "version": 4}, attempt=1)),
    ("I5", "executions overlap", _edit("executions", {**B, "attempt": 1}, ended_at=T + 7.5)),
    ("I6", "an attempt starts twice", _again("start", A1)),
    ("I6", "on another node", _edit("start", A1, node="node-2")),
    ("I6", "by another grant", _edit("start", A1, execution="execution-x")),
    ("I6", "without a grant", _edit("start", A1, attempt=9)),
    ("I7", "a terminal state is left", _again("job_history", {**A, "version": 4}, **NEXT)),
    ("I8", "a version is missing", _drop("job_history", job_id="a", version=1)),
    ("I8", "no history at all", lambda lines: _without_history(lines, "c")),
    ("I8", "edges do not join", _edit("job_history", {**A, "version": 4}, from_status="FAILED")),
    ("I8", "an edge that is not legal", _edit("job_history", {**C, "version": 1}, to_status="RUNNING")),
    ("I8", "the job differs from its last row", _edit("jobs", {"id": "a"}, status="FAILED")),
    ("I9", "a second result", _again("job_history", {**B, "version": 5}, version=6)),
    ("I9", "by an attempt before", _edit("job_history", {**B, "version": 5}, attempt=1)),
    ("I9", "a result that nobody gave", _edit("jobs", {"id": "b"}, result='{"nonce": 9}')),
    ("I9", "another one's hash", _edit("job_history", {**B, "version": 5}, result_hash="00")),
    ("I9", "without the handler's end", _drop("end", **B2)),
    ("I10", "a grant without execution", _drop("executions", job_id="a")),
    ("I10", "an execution without grant", _again("executions", {**A, "attempt": 1}, attempt=2)),
    ("I10", "it ends otherwise", _edit("executions", {**B, "attempt": 1}, status="SUCCESS")),
    ("I10", "it never ends", _edit("executions", {**B, "attempt": 1}, ended_at=None)),
    ("I11", "a token falls", _again("arrived", B1, status=208)),
    ("I11", "a key is applied twice", _edit("arrived", B2, status=200)),
    ("I11", "a token that nobody had", _edit("arrived", B2, attempt=9)),
    ("I12", "two effects of one grant", _again("arrived", A1)),
    ("I12", "after a success", _again("arrived", A1, attempt=2)),
    ("I13", "before its decision", _edit("decided", {"offset": 1}, at=T + 5)),
    ("I13", "without any decision", _drop("decided", offset=1)),
    ("I13", "a grant that is not durable", _edit("executions", {**A, "attempt": 1}, leased_at=T + 1)),
    ("I13", "a record that was not parked", _edit("decided", {"offset": 2}, decision="parked")),
    ("I15", "started early", _edit("executions", {**A, "attempt": 1}, started_at=T + 0.9)),
    ("I15", "the handler began early", _edit("start", A1, at=T + 0.9)),
    ("I15", "the effect came early", _edit("arrived", A1, at=T + 0.9)),
    ("I15", "before what was asked for", _edit("invoke", {"op": 1}, due=T + 1.2)),
    ("I17", "two jobs of one key", _again("jobs", {"id": "c"}, id="x")),
    ("I17", "another job than kept", _edit("idempotency_keys", {"key": "key-a"}, job_id="b")),
    ("I18", "an older version after", lambda lines: _reads(lines, "CREATED", 0)),
    ("I18", "what history does not say", lambda lines: _reads(lines, "EXPIRED", 1)),
    ("R19", "two at once", _edit("job_history", {**E, "version": 1}, at=T + 4.5)),
    ("R19", "while one backs off", lambda lines: _run_e_while_d_backs_off(lines)),
    ("R19", "not in due order", _edit("jobs", {"id": "e"}, due_at=T + 0.5)),
    ("R19", "a line that is left", lambda lines: lines.append({"what": "in_line", "at": T, "job_id": "e"})),
    ("I12", "two rows of one grant", _again("row", {"job": "d", "attempt": 1})),
    ("I12", "a row after a success", _edit("executions", {"job_id": "d", "attempt": 1}, status="SUCCESS")),
    ("R22", "a second row", _again("row", B2, attempt=1)),
    ("R22", "no row", _drop("row", **B2)),
    ("R22", "a row that nobody was granted", _edit("row", B2, attempt=9)),
    ("I21", "a count is off by one", _edit("counts", {"status": "SUCCESS"}, jobs=3)),
    ("I21", "a metric is off", _edit("metric", {"status": "CANCELLED"}, jobs=0.0)),
    ("I21", "a job without its create", lambda lines: _without_history(lines, "a")),
    ("I22", "still due", lambda lines: lines.append({"what": "due", "at": T, "job_id": "a"})),
    ("I22", "still held", lambda lines: lines.append({"what": "inflight", "at": T, "job_id": "a"})),
    ("I22", "no dead letter", _drop("unsuccessful", job_id="c")),
    ("I22", "records not read", _edit("lag", {}, lag=4)),
    ("I22", "a node is missing", _edit("nodes", {"id": "node-2"}, state="dead")),
    ("I22", "a session stuck", _edit("sessions", {}, state="idle in transaction", open_for=60.0)),
    ("I22", "memory grew", _edit("memory-after", {}, kib=900_000)),
]  # fmt: skip


def test_healthy_records_break_nothing_and_every_rule_has_judged_something() -> None:
    verdict = judge(reading.sort(healthy()))
    assert verdict.violations == 0, verdict.table()
    assert [rule.id for rule in RULES if verdict.findings[rule.id].subjects == 0] == []
    assert verdict.last_line() == "seed=1 jobs=5 faults=1 kinds=1 violations=0"


@pytest.mark.parametrize(
    ("rule", "spoil"), [(r, s) for r, _, s in BROKEN], ids=[f"{r} {t}" for r, t, _ in BROKEN]
)
def test_a_rule_speaks_when_its_promise_is_broken(rule: str, spoil: Spoil) -> None:
    lines = healthy()
    spoil(lines)
    verdict = judge(reading.sort(lines))
    assert verdict.findings[rule].broken != []
    assert verdict.violations > 0


def test_every_rule_has_a_broken_record_set() -> None:
    assert {rule for rule, _, _ in BROKEN} == {rule.id for rule in RULES}


def test_a_late_start_after_a_fault_is_allowed_until_the_chain_of_faults_is_healed() -> None:
    lines = healthy()
    find(lines, "executions", job_id="b", attempt=1)["started_at"] = T + 13.9
    assert judge(reading.sort(lines)).findings["I3"].broken == []
    find(lines, "executions", job_id="b", attempt=1)["started_at"] = T + 14.1
    assert judge(reading.sort(lines)).findings["I3"].broken != []


def test_a_job_with_a_key_is_late_only_from_when_it_could_have_the_key() -> None:
    lines = [line for line in healthy() if "fault" not in line["what"]]
    last = find(lines, "executions", job_id="e")
    for late, within in ((2.9, True), (3.1, False)):
        last["started_at"] = T + 5 + late
        told = judge(reading.sort(lines)).findings["I3"].broken
        assert any(text.startswith("job e ") for text in told) is not within


def test_a_type_that_passes_lets_others_run_while_it_backs_off() -> None:
    lines = healthy()
    _run_e_while_d_backs_off(lines)
    find(lines, "jobs", id="d")["job_type"] = "CHAOS_PASSES"
    assert judge(reading.sort(lines)).findings["R19"].broken == []


def test_a_job_that_is_retried_by_hand_waits_for_its_key() -> None:
    lines = healthy()
    find(lines, "job_history", job_id="e", version=1).update(at=T + 4.5, reason="retried")
    assert judge(reading.sort(lines)).findings["R19"].broken == []
    find(lines, "job_history", job_id="e", version=2)["at"] = T + 4.6
    assert judge(reading.sort(lines)).findings["R19"].broken != []


def test_a_create_without_an_answer_may_have_made_a_job_or_not() -> None:
    lines = healthy()
    lines.remove(find(lines, "ok", op=1))
    assert judge(reading.sort(lines)).findings["I1"].broken == []


def test_half_a_line_of_a_killed_process_is_left_out(tmp_path: Path) -> None:
    (tmp_path / "handlers-1.jsonl").write_text('{"what":"start","job":"a"}\n{"what":"sta')
    assert reading.read(tmp_path).all("start") == [{"what": "start", "job": "a"}]


def test_the_checker_imports_nothing_but_itself_and_the_standard_library() -> None:
    """What is judged must not be judged by itself."""
    ours = {"job_service", "scheduler_service", "worker_service", "shared", "punctual", "tests"}
    imported = {
        name
        for file in CHECKER.glob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        for name in _names(node)
    }
    assert "tests.chaos.checker.records" in imported
    foreign = {n for n in imported if n.split(".")[0] in ours}
    assert {n for n in foreign if not n.startswith("tests.chaos.checker")} == set()


def _names(node: ast.AST) -> list[str]:
    if isinstance(node, ast.Import):
        return [alias.name for alias in node.names]
    return [node.module] if isinstance(node, ast.ImportFrom) and node.module else []


def _run_e_while_d_backs_off(lines: list[Line]) -> None:
    for version in (1, 2, 3):
        find(lines, "job_history", job_id="e", version=version)["at"] = T + 2 + version / 10


def _without_history(lines: list[Line], job: str) -> None:
    lines[:] = [n for n in lines if (n["what"], n.get("job_id")) != ("job_history", job)]


def _reads(lines: list[Line], state: str, version: int) -> None:
    find(lines, "ok", op=5).update(state=state, version=version)
