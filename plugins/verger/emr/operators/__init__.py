"""The amazon provider's operators and sensors for EMR on EC2, with their gaps closed; one class per file."""
