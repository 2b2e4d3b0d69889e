"""`make demo`: the whole pipeline on one machine, from photographs to published vectors."""
