"""Compute benchmarks/planning.md: `python -m benchmarks.planning`."""

from benchmarks.planning.page import main

if __name__ == "__main__":
    main()
