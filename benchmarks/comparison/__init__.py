"""Verger compared with other programs that do the same: a bare loop, a notebook, Ray Data, Daft, and MLlib's PCA."""
