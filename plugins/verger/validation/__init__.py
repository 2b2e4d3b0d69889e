"""Checks of the Parquet tables that a run wrote. They read the tables and use no counts of the steps."""
