"""What the DAGs of Verger stand on: settings, S3 layout, EMR requests, operators, validation, publication."""
