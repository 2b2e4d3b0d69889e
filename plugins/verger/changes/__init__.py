"""Which photos are new, changed or deleted since the last publication, and what a run does about them."""
