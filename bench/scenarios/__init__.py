"""Measurements of Punctual alone, one file each: `python -m bench.scenarios.NAME [--quick] [--write]`."""
