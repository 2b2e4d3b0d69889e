"""A proxy in front of the local S3 or EMR that injects faults: late, cut, lost and refused answers."""
