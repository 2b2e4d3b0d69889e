"""Tests of what a run writes again, and verifies."""
