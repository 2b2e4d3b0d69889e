"""What the pages show of the publication: what needs attention, its labels, photos and rejects, and what is kept."""
