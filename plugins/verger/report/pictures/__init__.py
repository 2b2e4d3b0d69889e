"""The pictures of the report: charts as SVG, and thumbnails of photos."""
