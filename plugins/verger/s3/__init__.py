"""Access to S3: clients, error messages, the artifact set, and deletion with all versions."""
