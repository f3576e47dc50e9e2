"""What runs inside the peers' own runtimes: each creates jobs, runs them, and tells when a job began.

They are called `PROGRAM prepare`, `PROGRAM work …`, `PROGRAM create --jobs N --way batch|single` and
`PROGRAM late --jobs N --rate R --ahead S --sink PORT`. The stores' addresses are in BENCH_DATABASE_URL and
BENCH_REDIS_URL. `create` and `late` print one line of JSON. The Python ones import nothing of Punctual and no
package but the peer's: they run in the peers' virtualenv.
"""
