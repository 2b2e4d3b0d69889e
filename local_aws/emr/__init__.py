"""The EMR API: the HTTP server, its operations, and the clusters."""
