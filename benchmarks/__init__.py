"""Measurements of Verger. README.md has the tables and the commands."""
