"""What a cluster node needs, built as one content-addressed set of files.

Model, job zip, wheelhouse, and the bootstrap action that installs them.
"""
