"""The content of the pages, computed from what the sources read."""
