"""The whole of Punctual as processes of this machine: PostgreSQL, Apache Kafka and the services.

`make run`, `make up`, the tests and the benchmarks start everything through this one package. Each
process is a `Daemon` of a state directory (by default `.punctual/`), so that anyone can find, kill
and start it by its name.
"""
