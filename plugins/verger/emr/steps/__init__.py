"""The steps of a run on EMR."""
