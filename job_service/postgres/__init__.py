"""The only place that knows SQL. One file per aggregate."""
