"""Limits of a photo: bytes of the file, pixels, sides, memory and time of decoding.

Each module reads the header of one format before Pillow opens the file. It drops metadata, and computes the memory of
the decoder. `checks.py` uses them all.
"""
