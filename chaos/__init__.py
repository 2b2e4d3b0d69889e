"""Faults injected into the whole DAG on a running Airflow and local AWS, and a table of what they did (`make chaos`).

- `harness/` starts Airflow and local AWS behind proxies, holds the photos, does what a user does, and reads the
  published data as a consumer does.
- `scenario` describes one fault; `faults/` has the scenarios by family; `catalogue` has all of them.
- `campaign` runs scenarios and judges them; `recovery` does what the documentation says; `table` writes the outcome.
- `sequences` plays random sequences of faults; `soak` runs the DAG often and measures what grows.
"""
