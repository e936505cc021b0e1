"""The measurements; each is a program of its own: `python -m benchmarks.measures.NAME --quick`."""
