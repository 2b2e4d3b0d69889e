"""Sample photos for the demo, the development stack, the benchmarks and the tests.

- `orchard` draws photos of twelve fruits; `studio`, `fruits` and `canvas` are its parts.
- `invalid_photos` draws photos that cannot be read, photos in rare formats, and files that are no photos.
- `albums` reads photos from a folder or a zip file, and uploads them to a bucket.
"""
