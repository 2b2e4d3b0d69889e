"""Limits of a photo: bytes of the file, pixels, sides, memory and time of decoding."""
