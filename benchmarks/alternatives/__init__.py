"""Other programs that compute the same features, each written as its documentation recommends.

They run in the bench environments and import nothing of Verger, except with `--kernels verger`.
"""
