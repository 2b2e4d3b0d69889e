"""A node of a cluster: its folder, the commands that run on it, and their logs."""
