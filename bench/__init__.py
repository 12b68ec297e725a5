"""Benchmarks: one table of cases, timed alone, against other libraries and against the machine's peak."""
