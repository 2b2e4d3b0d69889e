"""A cluster of the EMR server: its record, its file on disk, and the EMR releases."""
