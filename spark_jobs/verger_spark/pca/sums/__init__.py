"""Sums over photos that are computed in parallel, stored with a publication, and updated by the next run."""
