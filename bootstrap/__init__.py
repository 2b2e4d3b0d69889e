"""Builds the artifact set: everything that a cluster node needs, as one content-addressed set of files.

It contains the model, the two steps, their packages as a zip, the wheelhouse, and the bootstrap action.
"""
