"""Processes of this machine: their identity, the end of a tree of them, and those of one cluster."""
