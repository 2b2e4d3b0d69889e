"""Operators and sensors for EMR on EC2, built on the amazon provider's; one class per file."""
