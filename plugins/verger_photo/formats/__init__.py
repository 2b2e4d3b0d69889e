"""Formats of image files: which files of each format are accepted.

Each module reads the header of one format and describes what it finds. `accepted.py` has the table of what is accepted.
"""
