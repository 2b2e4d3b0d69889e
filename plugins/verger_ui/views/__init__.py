"""What the pages show, computed from what the sources read."""
