"""Read the header of a file before Pillow opens it: drop metadata, and compute the memory of the decoder.

One module for each format. Each rejects files whose header or pixels would take Pillow too long.
"""
