"""Photos for the demo, for development and for tests: drawn, from a folder, or from a zip file."""
