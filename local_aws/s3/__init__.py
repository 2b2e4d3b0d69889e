"""The S3 server: SeaweedFS."""
