"""Tests of the search for suspects."""
