"""Which tables of earlier runs stay, and which are written again without rows that are not current."""
