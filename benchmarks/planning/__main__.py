"""`python -m benchmarks.planning`: computes benchmarks/planning.md."""

from benchmarks.planning.page import main

if __name__ == "__main__":
    main()
