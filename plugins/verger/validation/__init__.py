"""Checks of what a run has written, made from the Parquet itself and never from what the job claims."""
