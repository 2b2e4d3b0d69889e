"""Compares an AWS account with the settings before the first run: `python -m verger.deployment_check`."""
