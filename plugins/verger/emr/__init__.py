"""The EMR cluster of a run: requests, hook, operators and trigger, step logs, progress and cost."""
