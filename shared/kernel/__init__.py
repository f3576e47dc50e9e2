"""Pure pieces: ids, clocks, back-off, errors. No I/O, no framework."""
