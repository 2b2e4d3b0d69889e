"""Finds suspects: photos that lie among other labels, far from their own label, or very close to another photo."""
