"""Tests of the suspects in the report."""
