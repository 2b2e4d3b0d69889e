"""`make demo`: run the complete pipeline on one machine, from photos to published vectors."""
