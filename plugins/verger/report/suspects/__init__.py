"""The suspects of a publication in its report: their table, their figures, and their pictures."""
