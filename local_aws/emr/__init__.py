"""The EMR API: its server, and the clusters behind it."""
