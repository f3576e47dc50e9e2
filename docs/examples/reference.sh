#!/usr/bin/env bash
# The reference flow (what users of the reference system do), by curl, against a stack that runs.
#
#   make up && docs/examples/reference.sh
#
# Where: JOB_SERVICE_URL, SCHEDULER_SERVICE_URL, WORKER_SERVICE_URLS of the environment, else those of
# .punctual/endpoints.env (or of the directory that PUNCTUAL_STATE_DIR names), else ports 8080, 8081, 8082.
# API_CALL_URL is what the job of type HTTP_CALL calls; without it that job is created for a time far ahead.
# Needs curl and python3, ends with 0 when everything is as it should be.
set -euo pipefail

endpoints="${PUNCTUAL_STATE_DIR:-$(dirname "$0")/../../.punctual}/endpoints.env"
if [ -z "${JOB_SERVICE_URL:-}" ] && [ -f "$endpoints" ]; then
  # shellcheck disable=SC1090
  . "$endpoints"
fi
JOBS="${JOB_SERVICE_URL:-http://127.0.0.1:8080}/api/v1/jobs"
SCHEDULER="${SCHEDULER_SERVICE_URL:-http://127.0.0.1:8081}"
WORKER="${WORKER_SERVICE_URLS:-http://127.0.0.1:8082}"
EXECUTIONS="${WORKER%%,*}/api/v1/executions"
FAR="2999-01-01T10:00:00"

step() { printf '\n== %s\n' "$*"; }
fail() { printf 'NOT AS IT SHOULD BE: %s\n%s\n' "$1" "$body" >&2; exit 1; }

# ask STATUS METHOD URL [JSON]: sends it, expects the status, leaves the reply in $body.
ask() {
  local expected="$1" method="$2" url="$3" reply
  local options=(--silent --show-error --max-time 30 --request "$method" --write-out '\n%{http_code}')
  [ $# -lt 4 ] || options+=(--header 'Content-Type: application/json' --data "$4")
  echo "$method $url${4:+  $4}"
  reply="$(curl "${options[@]}" "$url")"
  body="${reply%$'\n'*}"
  [ "${reply##*$'\n'}" = "$expected" ] || fail "answered ${reply##*$'\n'} instead of $expected"
}

# of EXPRESSION: a Python expression over `r`, the reply in $body.
of() { python3 -c 'import json, sys; r = json.load(sys.stdin); print(eval(sys.argv[1]))' "$1" <<<"$body"; }

# expect EXPRESSION VALUE
expect() {
  local found
  found="$(of "$1")"
  [ "$found" = "$2" ] || fail "$1 is $found instead of $2"
  echo "   $1 = $found"
}

# wait_for URL EXPRESSION VALUE: asks again until it is so, for 30 s.
wait_for() {
  local deadline=$((SECONDS + 30)) seen="" found
  while true; do
    ask 200 GET "$1" >/dev/null
    found="$(of "$2")"
    [ "$found" = "$seen" ] || echo "   $2 = $found"
    seen="$found"
    [ "$found" != "$3" ] || return 0
    [ $SECONDS -lt $deadline ] || fail "$2 is $found, not $3, after 30 s"
    sleep 0.1
  done
}

step "create a job; its time is past, so it is due now"
ask 201 POST "$JOBS" '{"name": "My First Job", "jobType": "DUMMY", "payload": "optional data", "scheduledTime": "2024-01-01T10:00:00"}'
expect 'r["success"]' True
expect 'r["message"]' 'Job created'
expect 'r["data"]["status"]' CREATED
expect 'r["data"]["version"]' 0
expect 'r["data"]["scheduledTime"]' 2024-01-01T10:00:00.000Z
JOB="$(of 'r["data"]["jobId"]')"

step "watch it: CREATED, SCHEDULED, RUNNING, then SUCCESS"
wait_for "$JOBS/$JOB" 'r["data"]["status"]' SUCCESS
ask 200 GET "$JOBS/$JOB/history"
expect '" ".join(row["to"] for row in r["data"])' 'CREATED SCHEDULED RUNNING SUCCESS'

step "its executions, from the worker"
ask 200 GET "$EXECUTIONS/job/$JOB"
expect 'len(r["data"])' 1
expect 'r["data"][0]["status"]' SUCCESS
EXECUTION="$(of 'r["data"][0]["executionId"]')"
ask 200 GET "$EXECUTIONS?all=true&limit=200"
expect "'$EXECUTION' in [item['executionId'] for item in r['data']['items']]" True
ask 200 GET "$EXECUTIONS"
expect 'r["success"]' True
ask 200 GET "$EXECUTIONS/$EXECUTION"
expect 'r["data"]["jobId"]' "$JOB"

step "a job that calls an address; its payload is JSON inside a string"
if [ -n "${API_CALL_URL:-}" ]; then
  ask 201 POST "$JOBS" "{\"name\": \"API Call Job\", \"jobType\": \"HTTP_CALL\", \"payload\": \"{\\\"url\\\": \\\"$API_CALL_URL\\\"}\", \"scheduledTime\": \"2024-01-01T10:00:00\"}"
  wait_for "$JOBS/$(of 'r["data"]["jobId"]')" 'r["data"]["status"]' SUCCESS
  expect 'r["data"]["result"]["status"]' 200
else
  ask 201 POST "$JOBS" "{\"name\": \"API Call Job\", \"jobType\": \"HTTP_CALL\", \"payload\": \"{\\\"url\\\": \\\"https://example.com/\\\"}\", \"scheduledTime\": \"$FAR\"}"
  expect 'r["data"]["payload"]["url"]' https://example.com/
fi

step "what is due, what is on its way, and a round of the scheduler by hand"
ask 200 GET "$JOBS/ready-to-schedule"
expect 'type(r["data"]).__name__' list
ask 200 GET "$JOBS/ready-to-run"
expect 'type(r["data"]).__name__' list
ask 200 POST "$SCHEDULER/api/v1/scheduler/scan"
expect 'sorted(r["data"])' "['claimed', 'published']"

step "a step that the state table does not have"
ask 201 POST "$JOBS" "{\"name\": \"for later\", \"jobType\": \"DUMMY\", \"scheduledTime\": \"$FAR\"}"
LATER="$(of 'r["data"]["jobId"]')"
ask 409 PATCH "$JOBS/$LATER/state" '{"status": "RUNNING"}'
expect 'r["success"]' False
expect 'r["type"]' /problems/illegal-transition
expect '", ".join(r["allowed"])' 'SCHEDULED, CANCELLED'
ask 200 POST "$JOBS/$LATER/cancel"
expect 'r["data"]["status"]' CANCELLED

step "all is as it should be"
