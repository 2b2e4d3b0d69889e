"""TIFF: the most general of the accepted formats. Files that are not baseline TIFF are rejected."""
